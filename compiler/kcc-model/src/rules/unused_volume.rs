//! Warns about volumes of the system that no component mounts.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::schema::component_fields;
use kcc_tree::{Node, Path};

use super::view::View;

pub(super) fn unused_volume(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let used = used(view);
    for volume in view.target.volumes.values() {
        if used.contains(volume.name.as_str()) {
            continue;
        }
        let message = format!("no component mounts volume `{}`", volume.name);
        let warning =
            view.reporter
                .warning(Code::CheckUnusedVolume, &volume.path, message, "unused");
        diagnostics.push(warning.unused_by_name([&volume.name]).help(format!(
            "write `volumes: {0:?}: {{mount: \"/{0}\", from: {0:?}}}` in a component, or remove it",
            volume.name
        )));
    }
}

/// Returns the volumes that components mount, including components that could not be
/// built.
fn used<'a>(view: &View<'a>) -> BTreeSet<&'a str> {
    let all = component_fields()
        .iter()
        .filter_map(|kind| view.tree.get(&view.target.target, &Path::of([kind])))
        .flat_map(Node::fields);
    // The recipe of a backing mounts the volumes of its component.
    all.flat_map(|(_, node)| [Some(node), node.child("component")])
        .flatten()
        .filter_map(|node| node.child("volumes"))
        .flat_map(Node::fields)
        .filter_map(|(_, volume)| volume.child("from")?.as_str())
        .collect()
}
