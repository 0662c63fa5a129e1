//! Decodes `labels`, `annotations` and node labels. Kubernetes restricts names and
//! label values; Docker accepts any.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Engine;

use super::{Cursor, TargetContext, names};
use crate::is_reserved_label;

/// The maximum length of a label value, and of a name without its prefix.
const MAX_LENGTH: usize = 63;
/// The maximum length of a name's prefix.
const MAX_PREFIX_LENGTH: usize = 253;

/// Decodes `labels` or `annotations` of a component.
pub(crate) fn decode(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    field: &str,
) -> BTreeMap<String, String> {
    let Some(all) = node.child(field) else {
        return BTreeMap::new();
    };
    for (name, value) in all.fields().filter(|(name, _)| is_reserved_label(name)) {
        let message = format!("`{name}` is reserved for kcc");
        let error = value.error(
            Code::ModelBadName,
            message,
            "kcc identifies its objects by this name",
        );
        value.report(
            error.help("write a name in a domain of your own, such as `acme.example/part`"),
        );
    }
    let help = "write at most 63 of these characters, or use an annotation";
    validate(cx, &all, field.trim_end_matches('s'), help);
    all.text_map()
}

/// Decodes the labels that a component's nodes must have.
pub(crate) fn decode_node_labels(
    cx: &TargetContext<'_>,
    placement: &Cursor<'_>,
) -> BTreeMap<String, String> {
    let Some(all) = placement.child("nodes") else {
        return BTreeMap::new();
    };
    validate(cx, &all, "label", "write a valid value of a node label");
    all.text_map()
}

/// Validates names, and values of labels, for a Kubernetes target; `help` is for
/// a value.
fn validate(cx: &TargetContext<'_>, all: &Cursor<'_>, what: &str, help: &str) {
    if !cx.engine.is(Engine::Kubernetes) {
        return;
    }
    let expected = "expected letters and digits, with `-`, `_` or `.` between them";
    for (name, value) in all.fields() {
        if !is_qualified_name(name) {
            let message = format!("`{name}` is not a valid name for {} {what}", article(what));
            let error = value.error(Code::ModelBadName, message, expected);
            let help = "write a name such as `acme.example/part`, with at most one `/`";
            value.report(error.help(help));
        } else if what == "label"
            && let Some(text) = value.node.as_str()
            && !text.is_empty()
            && !is_label_value(text)
        {
            let message = format!("`{}`: `{text}` is not a valid label value", value.path);
            let error = value.error(Code::ModelBadName, message, expected);
            value.report(error.help(help));
        }
    }
}

fn article(what: &str) -> &'static str {
    if what.starts_with('a') { "an" } else { "a" }
}

/// Checks a qualified name: a label value, optionally after a domain and `/`.
fn is_qualified_name(name: &str) -> bool {
    match name.split_once('/') {
        Some((prefix, name)) => {
            prefix.len() <= MAX_PREFIX_LENGTH
                && prefix.split('.').all(names::is_label)
                && is_label_value(name)
        }
        None => is_label_value(name),
    }
}

fn is_label_value(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    text.len() <= MAX_LENGTH
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text
            .chars()
            .all(|c| plain(c) || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_names_and_values_kubernetes_accepts() {
        assert!(
            is_qualified_name("tier")
                && is_qualified_name("acme.example/for")
                && is_label_value("1.2_3-x")
        );
        for name in ["", "a b", "/a", "a/", "a/b/c", "Acme.example/x", "-a"] {
            assert!(!is_qualified_name(name), "{name}");
        }
        assert!(!is_label_value("a b") && !is_label_value(&"a".repeat(64)));
    }
}
