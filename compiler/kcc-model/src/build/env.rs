//! `env`: text, secrets, configs and outputs of others.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Value;

use super::late::{self, Late};
use super::{Cursor, component, names};
use crate::EnvValue;

/// A variable as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawEnv {
    /// It depends on this component alone.
    Known(EnvValue),
    /// An output of another component.
    Output(Late),
}

/// Decodes the environment that a fragment writes itself.
pub(crate) fn raw(node: &Cursor<'_>) -> BTreeMap<String, RawEnv> {
    let Some(all) = node.child("env") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            names::check_variable(&field, name);
            Some((name.to_owned(), variable(&field)?))
        })
        .collect()
}

fn variable(node: &Cursor<'_>) -> Option<RawEnv> {
    if !matches!(node.node.value, Value::Struct(_)) {
        return node
            .text()
            .map(|text| RawEnv::Known(EnvValue::Literal(text)));
    }
    let text = |field| node.child(field).and_then(|field| field.text());
    if node.child("secret").is_some() {
        node.only(&["secret"]);
        return Some(RawEnv::Known(EnvValue::Secret(text("secret")?)));
    }
    if node.child("config").is_some() {
        node.only(&["config", "key"]);
        if node.child("key").is_none() {
            component::missing(node, "`key`", "write which key of the config is meant");
        }
        return Some(RawEnv::Known(EnvValue::Config {
            name: text("config")?,
            key: text("key")?,
        }));
    }
    if node.child("value").is_some() {
        node.only(&["value", "public"]);
        return Some(RawEnv::Known(EnvValue::Literal(text("value")?)));
    }
    if node.child("from").is_some() {
        return late::output(node).map(RawEnv::Output);
    }
    if !node.lines.partly_lost(&node.path) {
        let message = format!("`{}` is neither text nor a reference", node.path);
        let error = node.error(Code::EvalWrongType, message, "which value?");
        let help = "write text, `secret: \"…\"`, `{config: \"…\", key: \"…\"}` or \
                    `{from: \"…\", output: \"…\"}`";
        node.report(error.help(help));
    }
    None
}

/// The head of the variables that a need gives: `stripe-mock` → `STRIPE_MOCK`.
pub(crate) fn prefix(component: &str) -> String {
    component.to_ascii_uppercase().replace('-', "_")
}

/// Whether a variable has the head of those that a need on a component gives.
pub(crate) fn is_of(variable: &str, component: &str) -> bool {
    let rest = variable.strip_prefix(&prefix(component));
    rest.is_some_and(|rest| rest.starts_with('_'))
}
