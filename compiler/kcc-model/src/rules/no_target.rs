//! Components that run in no target: none of their replicas does.

use kcc_diag::{Code, Diagnostics};

use super::View;

pub(super) fn no_target(view: &View<'_>, found: &mut Diagnostics) {
    if !view.all_targets() {
        return;
    }
    for component in view.target.components.values() {
        let targets = view.model.targets.values();
        let mut everywhere = targets.filter_map(|target| target.components.get(&component.name));
        if !everywhere.all(|other| other.runs() && other.most_replicas() == 0) {
            continue;
        }
        let replicas = component.path.join("replicas");
        let message = format!("`{}` runs in no target", component.path);
        let warning = view
            .lines
            .warning(Code::CheckNoTarget, &replicas, message, "none of it");
        found.push(
            warning.help(
                "remove it, or write `replicas` for a target that it runs in: `on: TARGET: …`",
            ),
        );
    }
}
