//! Warns about declared kinds that no backing uses.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, Path};

use super::view::View;

pub(super) fn unused_kind(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let all = |root| {
        view.tree
            .get(&view.target.target, &Path::of([root]))
            .into_iter()
            .flat_map(Node::fields)
    };
    let used: BTreeSet<&str> = all("backing")
        .filter_map(|(_, backing)| backing.child("kind")?.as_str())
        .collect();
    for (name, _) in all("kinds").filter(|(name, _)| !used.contains(name)) {
        let path = Path::of(["kinds", name]);
        let message = format!("no backing uses kind `{name}`");
        let warning = view
            .reporter
            .warning(Code::CheckUnusedKind, &path, message, "unused");
        diagnostics.push(warning.unused_by_name([name]).help(format!(
            "write `kind: {name:?}` in a backing, or remove the kind"
        )));
    }
}
