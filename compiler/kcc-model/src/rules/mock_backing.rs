//! Warns about backings on Kubernetes that only imitate the real service: kcc's
//! `smtp` displays mail and does not deliver it.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Engine, Path, schema::Schema};

use super::view::View;
use crate::{Kind, covers};

pub(super) fn mock_backing(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.target.engine.is(Engine::Kubernetes) {
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
        let Some(behaviour) = Schema::get().stand_ins.get(kind) else {
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
        let message = format!("`{}` {behaviour}", component.path);
        let warning =
            view.reporter
                .warning(Code::CheckStandIn, &component.path, message, "a stand-in");
        diagnostics.push(warning.help(format!(
            "name the real server under `on`: `backing: {:?}: external: host: \"…\"`",
            component.name
        )));
    }
}
