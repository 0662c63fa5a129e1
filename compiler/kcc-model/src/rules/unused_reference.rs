//! Warns about secrets and configs that no target uses. What one target uses is often
//! declared for all, so a single target proves nothing.

use kcc_diag::{Code, Diagnostics, field_label};
use kcc_tree::{Node, Path, Value};

use super::view::View;
use crate::TargetModel;

pub(super) fn unused_reference(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if !view.all_targets() {
        return;
    }
    for (root, code, what) in [
        ("secrets", Code::CheckUnusedSecret, "secret"),
        ("configs", Code::CheckUnusedConfig, "config"),
    ] {
        for name in view.reporter.field_names(&Path::of([root])) {
            if is_used(view, &name) {
                continue;
            }
            let path = Path::of([root, &name]);
            let message = format!("nothing uses {what} `{name}`");
            let warning = view.reporter.warning(code, &path, message, "unused");
            diagnostics.push(warning.unused_by_name([&name]).help(match what {
                "secret" => format!(
                    "refer to it, as in `env: NAME: secret: {name:?}`, or remove it"
                ),
                _ => format!(
                    "refer to it, as in `volumes: {}: {{mount: \"/etc/{name}\", config: {name:?}}}`, or remove it",
                    field_label(&name)
                ),
            }));
        }
    }
}

/// Returns true if anything in a target contains the name as text, other than as the
/// name of a secret or config itself. That covers references of components that could
/// not be built, patches and raw objects.
fn is_used(view: &View<'_>, name: &str) -> bool {
    view.model.targets.values().any(|target: &TargetModel| {
        let root = view.tree.targets.get(&target.target);
        let fields = root.into_iter().flat_map(Node::fields);
        fields
            .filter(|(field, _)| !matches!(*field, "grants" | "kinds" | "secrets" | "configs"))
            .any(|(_, node)| contains_text(node, name))
    })
}

fn contains_text(node: &Node, text: &str) -> bool {
    match &node.value {
        Value::String(found) => found == text,
        Value::List(items) => items.iter().any(|item| contains_text(item, text)),
        _ => node.fields().any(|(_, field)| contains_text(field, text)),
    }
}
