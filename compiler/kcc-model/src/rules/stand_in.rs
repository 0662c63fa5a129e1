//! Backings that only look like the real thing where a target runs on
//! Kubernetes: kcc's `smtp` shows what it is sent and delivers nothing.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::{EngineTarget, Kind, covers};

/// The kinds of kcc's that stand in for something, and what they leave undone.
const STAND_INS: [(&str, &str); 1] = [("smtp", "shows the mail that it is sent and delivers none")];

pub(super) fn stand_in(view: &View<'_>, found: &mut Diagnostics) {
    if !matches!(view.target.engine, EngineTarget::Kubernetes { .. }) {
        return;
    }
    for component in view.target.components.values() {
        let Kind::Backing {
            kind,
            external: false,
            ..
        } = &component.kind
        else {
            continue;
        };
        let Some((_, undone)) = STAND_INS.iter().find(|(name, _)| name == kind) else {
            continue;
        };
        let own = Path::of(["kinds", kind]);
        let accepted = &view.target.parity_accept;
        if view.tree.get(&view.target.target, &own).is_some()
            || accepted
                .keys()
                .any(|pattern| covers(pattern, &component.path.0))
        {
            continue;
        }
        let message = format!("`{}` {undone}", component.path);
        let warning =
            view.lines
                .warning(Code::CheckStandIn, &component.path, message, "a stand-in");
        found.push(warning.help(format!(
            "name the real one under `on`: `backing: {:?}: external: host: \"…\"`",
            component.name
        )));
    }
}
