//! Warns about components that have no replicas in any target.

use kcc_diag::{Code, Diagnostics};

use super::view::View;

pub(super) fn no_target(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.all_targets() {
        return;
    }
    for component in view.target.components.values() {
        let targets = view.model.targets.values();
        let mut everywhere = targets.filter_map(|target| target.components.get(&component.name));
        if !everywhere.all(|other| other.runs() && other.max_replicas() == 0) {
            continue;
        }
        let replicas = component.path.join("replicas");
        let message = format!("`{}` does not run in any target", component.path);
        let warning = view
            .reporter
            .warning(Code::CheckNoTarget, &replicas, message, "no replicas");
        diagnostics.push(
            warning
                .unused_by_name([&component.name])
                .help("remove it, or set `replicas` for a target under `on: TARGET: …`"),
        );
    }
}
