//! Kinds of backing that no backing is of.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, Path};

use super::View;

pub(super) fn unused_kind(view: &View<'_>, found: &mut Diagnostics) {
    if view.lines.partial() {
        return;
    }
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
        let message = format!("no backing is of kind `{name}`");
        let warning = view
            .lines
            .warning(Code::CheckUnusedKind, &path, message, "unused");
        found.push(warning.help(format!(
            "write `kind: {name:?}` in a backing, or remove the kind"
        )));
    }
}
