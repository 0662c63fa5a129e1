//! Backings that no component needs.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, Path, Value};

use super::View;
use crate::Kind;
use crate::owners::COMPONENTS;

pub(super) fn unused_backing(view: &View<'_>, found: &mut Diagnostics) {
    if view.lines.partial() {
        return;
    }
    let used = used(view);
    for component in view.target.components.values() {
        if !matches!(component.kind, Kind::Backing { .. }) || used.contains(&component.name) {
            continue;
        }
        let message = format!("nothing needs `{}`", component.path);
        let warning =
            view.lines
                .warning(Code::CheckUnusedBacking, &component.path, message, "unused");
        let help = format!(
            "add `needs: {:?}: {{}}` to what uses it, or remove it",
            component.name
        );
        found.push(warning.help(help));
    }
}

/// The names that anything refers to, in components that could not be built too.
fn used(view: &View<'_>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let all = COMPONENTS
        .iter()
        .filter_map(|kind| view.tree.get(&view.target.target, &Path::of([kind])))
        .flat_map(Node::fields);
    for (_, node) in all {
        // What a recipe makes of a backing needs others, too.
        for node in [Some(node), node.child("component")].into_iter().flatten() {
            let needs = node.child("needs").into_iter().flat_map(Node::fields);
            used.extend(needs.map(|(name, _)| name.to_owned()));
            let places = ["command", "args", "files"];
            let values = places
                .iter()
                .filter_map(|place| node.child(place))
                .flat_map(children);
            used.extend(values.filter_map(|value| Some(value.child("from")?.as_str()?.to_owned())));
        }
    }
    used
}

/// The fields of a struct, or the items of a list.
fn children(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => node.fields().map(|(_, field)| field).collect(),
    }
}
