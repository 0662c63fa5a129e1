//! Warns about secrets and configs that no target uses. What one target uses is often
//! declared for all, so a single target proves nothing.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics, field_label};
use kcc_tree::{ConfigTree, Node, Path, Value};

use super::view::all_targets;
use crate::SystemModel;
use crate::reporter::Reporter;

pub(super) fn unused_reference(
    tree: &ConfigTree,
    model: &SystemModel,
    diagnostics: &mut Diagnostics,
) {
    if !all_targets(tree, model) {
        return;
    }
    let used = used(tree, model);
    for target in model.targets.keys() {
        let reporter = Reporter::of(tree, target);
        for (root, code, what) in [
            ("secrets", Code::CheckUnusedSecret, "secret"),
            ("configs", Code::CheckUnusedConfig, "config"),
        ] {
            let declared = reporter.field_names(&Path::of([root]));
            for name in declared.iter().filter(|name| !used.contains(name.as_str())) {
                let path = Path::of([root, name]);
                let message = format!("nothing uses {what} `{name}`");
                let warning = reporter.warning(code, &path, message, "unused");
                let help = help(what, name);
                diagnostics.push(warning.unused_by_name([name]).help(help));
            }
        }
    }
}

fn help(what: &str, name: &str) -> String {
    match what {
        "secret" => {
            format!("refer to it, as in `env: NAME: secret: {name:?}`, or remove it")
        }
        _ => format!(
            "refer to it, as in `volumes: {}: {{mount: \"/etc/{name}\", config: {name:?}}}`, or remove it",
            field_label(name)
        ),
    }
}

/// Returns everything that a target contains as text, other than as the name of a
/// secret or config itself. That covers references of components that could not be
/// built, patches and raw objects.
fn used<'t>(tree: &'t ConfigTree, model: &SystemModel) -> BTreeSet<&'t str> {
    let mut used = BTreeSet::new();
    for target in model.targets.keys() {
        let root = tree.targets.get(target);
        let fields = root.into_iter().flat_map(Node::fields);
        for (_, node) in fields
            .filter(|(field, _)| !matches!(*field, "grants" | "kinds" | "secrets" | "configs"))
        {
            add_texts(node, &mut used);
        }
    }
    used
}

fn add_texts<'t>(node: &'t Node, texts: &mut BTreeSet<&'t str>) {
    match &node.value {
        Value::String(found) => _ = texts.insert(found.as_str()),
        Value::List(items) => items.iter().for_each(|item| add_texts(item, texts)),
        _ => node.fields().for_each(|(_, field)| add_texts(field, texts)),
    }
}
