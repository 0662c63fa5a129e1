//! Reports secrets written as text instead of a reference. No message contains the
//! value.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::{Node, Path, Value, secret_literal};

use super::view::View;
use crate::build::{is_label, secret_references};
use kcc_tree::schema::component_fields;

pub(super) fn secret_literal(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let target = &view.target.target;
    let literal = |node: &Node| {
        matches!(
            node.value,
            Value::String(_) | Value::Number(_) | Value::Bool(_)
        )
    };
    let mut report = |path: &Path, example: &str| {
        let error = view.reporter.error(
            Code::CheckSecretLiteral,
            path,
            secret_literal::message(path),
            secret_literal::LABEL,
        );
        diagnostics.push(error.help(secret_literal::help(example)));
    };
    if let Some(secrets) = view.tree.get(target, &Path::of(["secrets"])) {
        for (name, _) in secrets.fields().filter(|(_, node)| literal(node)) {
            report(
                &Path::of(["secrets", name]),
                &format!("secrets: {name:?}: {{}}"),
            );
        }
    }
    for kind in component_fields().iter().copied() {
        let Some(all) = view.tree.get(target, &Path::of([kind])) else {
            continue;
        };
        for (name, node) in all.fields() {
            let path = Path::of([kind, name]);
            if kind == "backing" && node.child("password").is_some_and(literal) {
                report(
                    &path.join("password"),
                    &format!("password: secret: \"{name}-password\""),
                );
            }
            for (route, node) in node.child("routes").into_iter().flat_map(Node::fields) {
                if node.child("tls").is_some_and(literal) {
                    let path = path.join("routes").join(route).join("tls");
                    report(&path, "tls: secret: \"…\"");
                }
            }
        }
    }
    // A reference that is not a valid name probably is the value itself.
    for component in view.target.components.values() {
        for (name, path) in secret_references(component) {
            if !is_label(&name) {
                report(&path, "secret: \"name-of-the-secret\"");
            }
        }
    }
}
