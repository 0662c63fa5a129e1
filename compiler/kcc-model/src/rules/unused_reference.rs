//! Warns about secrets and configs that no target uses. What one target uses is often
//! declared for all, so a single target proves nothing.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics, field_label};
use kcc_tree::{Node, Path, Value};

use super::view::View;

pub(super) fn unused_reference(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.all_targets() {
        return;
    }
    let declared = [
        ("secrets", Code::CheckUnusedSecret, "secret"),
        ("configs", Code::CheckUnusedConfig, "config"),
    ]
    .map(|(root, code, what)| {
        (
            root,
            code,
            what,
            view.reporter.field_names(&Path::of([root])),
        )
    });
    let names = declared.iter().flat_map(|(.., names)| names);
    let mut unused: BTreeSet<&str> = names.map(String::as_str).collect();
    remove_used(view, &mut unused);
    for (root, code, what, names) in &declared {
        for name in names.iter().filter(|name| unused.contains(name.as_str())) {
            let path = Path::of([root, name]);
            let message = format!("nothing uses {what} `{name}`");
            let warning = view.reporter.warning(*code, &path, message, "unused");
            diagnostics.push(warning.unused_by_name([name]).help(match *what {
                "secret" => format!(
                    "refer to it, as in `env: NAME: secret: {name:?}`, or remove it"
                ),
                _ => format!(
                    "refer to it, as in `volumes: {}: {{mount: \"/etc/{name}\", config: {name:?}}}`, or remove it",
                    field_label(name)
                ),
            }));
        }
    }
}

/// Removes the names that anything in a target contains as text, other than as the name
/// of a secret or config itself. That covers references of components that could not be
/// built, patches and raw objects.
fn remove_used(view: &View<'_>, unused: &mut BTreeSet<&str>) {
    for target in view.model.targets.values() {
        let root = view.tree.targets.get(&target.target);
        let fields = root.into_iter().flat_map(Node::fields);
        for (_, node) in fields
            .filter(|(field, _)| !matches!(*field, "grants" | "kinds" | "secrets" | "configs"))
        {
            remove_texts(node, unused);
        }
    }
}

fn remove_texts(node: &Node, unused: &mut BTreeSet<&str>) {
    match &node.value {
        Value::String(found) => _ = unused.remove(found.as_str()),
        Value::List(items) => items.iter().for_each(|item| remove_texts(item, unused)),
        _ => node
            .fields()
            .for_each(|(_, field)| remove_texts(field, unused)),
    }
}
