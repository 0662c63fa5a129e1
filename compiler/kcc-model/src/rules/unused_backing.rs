//! Warns about backings that no component needs.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, Path, Value};

use super::view::View;
use crate::Kind;
use kcc_tree::schema::component_fields;

pub(super) fn unused_backing(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let used = used(view);
    for component in view.target.components.values() {
        if !matches!(component.kind, Kind::Backing { .. }) || used.contains(&component.name) {
            continue;
        }
        let message = format!("nothing needs `{}`", component.path);
        let warning =
            view.reporter
                .warning(Code::CheckUnusedBacking, &component.path, message, "unused");
        let help = format!(
            "add `needs: {:?}: {{}}` to the component that uses it, or remove the backing",
            component.name
        );
        diagnostics.push(warning.unused_by_name([&component.name]).help(help));
    }
}

/// Returns all names that components refer to, including components that could not
/// be built.
fn used(view: &View<'_>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let all = component_fields()
        .iter()
        .filter_map(|kind| view.tree.get(&view.target.target, &Path::of([kind])))
        .flat_map(Node::fields);
    for (_, node) in all {
        // The recipe of a backing may need other backings.
        for node in [Some(node), node.child("component")].into_iter().flatten() {
            let needs = node.child("needs").into_iter().flat_map(Node::fields);
            used.extend(needs.map(|(name, _)| name.to_owned()));
            let fields = ["command", "args", "files"];
            let values = fields
                .iter()
                .filter_map(|field| node.child(field))
                .flat_map(children);
            used.extend(values.filter_map(|value| Some(value.child("from")?.as_str()?.to_owned())));
        }
    }
    used
}

/// Returns the fields of a struct, or the elements of a list.
fn children(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => node.fields().map(|(_, field)| field).collect(),
    }
}
