//! `labels` and `annotations`: Kubernetes takes no name, and no value of a label,
//! that is not of its form; Docker takes any.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::{Cursor, Scope, names};
use crate::EngineTarget;

/// The longest name, its prefix aside, and the longest value of a label.
const LONGEST: usize = 63;
/// The longest prefix of a name.
const LONGEST_PREFIX: usize = 253;

/// Decodes `labels` or `annotations` of a component.
pub(crate) fn of(scope: &Scope<'_>, node: &Cursor<'_>, field: &str) -> BTreeMap<String, String> {
    let Some(all) = node.child(field) else {
        return BTreeMap::new();
    };
    for (name, value) in all.fields().filter(|(name, _)| is_own(name)) {
        let message = format!("`{name}` is kcc's own");
        let error = value.error(Code::ModelBadName, message, "kcc knows its objects by it");
        value.report(
            error.help("write a name with a domain of your own, such as `acme.example/part`"),
        );
    }
    let help = "write at most 63 of these characters, or make it an annotation";
    hold(scope, &all, field.trim_end_matches('s'), help);
    all.text_map()
}

/// Decodes the labels of the machines that a component runs on.
pub(crate) fn of_nodes(scope: &Scope<'_>, placement: &Cursor<'_>) -> BTreeMap<String, String> {
    let Some(all) = placement.child("nodes") else {
        return BTreeMap::new();
    };
    hold(scope, &all, "label", "write the value of a node's label");
    all.text_map()
}

/// Holds names and values to the form that Kubernetes has for them; `help` is
/// for a value.
fn hold(scope: &Scope<'_>, all: &Cursor<'_>, what: &str, help: &str) {
    let EngineTarget::Kubernetes { .. } = scope.engine else {
        return;
    };
    let expected = "letters, digits and `-`, `_`, `.` inside are expected";
    for (name, value) in all.fields() {
        if !is_name(name) {
            let message = format!("`{name}` is no name for {} {what}", article(what));
            let error = value.error(Code::ModelBadName, message, expected);
            let help = "write a name such as `acme.example/part`, with at most one `/`";
            value.report(error.help(help));
        } else if what == "label"
            && let Some(text) = value.node.as_str()
            && !text.is_empty()
            && !is_word(text)
        {
            let message = format!("`{}`: `{text}` is no value for a label", value.path);
            let error = value.error(Code::ModelBadName, message, expected);
            value.report(error.help(help));
        }
    }
}

/// Whether kcc knows its objects again by a label, on one of the engines.
fn is_own(name: &str) -> bool {
    name.starts_with("kcc.dev/") || name.starts_with("dev.kcc.")
}

fn article(what: &str) -> &'static str {
    if what.starts_with('a') { "an" } else { "a" }
}

/// A word, with a domain and `/` before it or without.
fn is_name(name: &str) -> bool {
    match name.split_once('/') {
        Some((prefix, word)) => {
            prefix.len() <= LONGEST_PREFIX
                && prefix.split('.').all(names::is_label)
                && is_word(word)
        }
        None => is_word(name),
    }
}

fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LONGEST
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
    fn names_and_values_are_of_kubernetes_form() {
        assert!(is_name("tier") && is_name("acme.example/for") && is_word("1.2_3-x"));
        for name in ["", "a b", "/a", "a/", "a/b/c", "Acme.example/x", "-a"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_word("a b") && !is_word(&"a".repeat(64)));
    }
}
