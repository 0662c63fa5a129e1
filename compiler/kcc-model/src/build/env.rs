//! Decodes `env`: text, secrets, configs and outputs of other components.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_tree::Value;

use super::output_refs::{self, OutputRef};
use super::{Cursor, names};
use crate::{EnvValue, PodField};

/// A variable as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawEnv {
    /// A value that depends on this component alone.
    Known(EnvValue),
    /// An output of another component.
    Output(OutputRef),
}

/// Decodes the variables that fragments declare.
pub(crate) fn decode(node: &Cursor<'_>) -> BTreeMap<String, RawEnv> {
    let Some(all) = node.child("env") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, field)| {
            names::validate_variable(&field, name);
            Some((name.to_owned(), variable(&field)?))
        })
        .collect()
}

fn variable(node: &Cursor<'_>) -> Option<RawEnv> {
    if !matches!(node.node.value, Value::Struct(_)) {
        return node
            .process_text()
            .map(|text| RawEnv::Known(EnvValue::Literal(text)));
    }
    let text = |field| node.child(field).and_then(|field| field.text());
    if node.child("secret").is_some() {
        return Some(RawEnv::Known(EnvValue::Secret(text("secret")?)));
    }
    if node.child("config").is_some() {
        if node.child("key").is_none() {
            node.report_missing("`key`", "write `key: \"…\"` with a key of the config");
        }
        return Some(RawEnv::Known(EnvValue::Config {
            name: text("config")?,
            key: text("key")?,
        }));
    }
    if let Some(value) = node.child("value") {
        let value = value.process_text()?;
        return Some(RawEnv::Known(EnvValue::Literal(value)));
    }
    if let Some(field) = node.child("field") {
        // The schema has the names.
        let field = PodField::parse(&field.text()?)?;
        return Some(RawEnv::Known(EnvValue::Field(field)));
    }
    if node.child("from").is_some() {
        return output_refs::decode(node).map(RawEnv::Output);
    }
    let message = format!("`{}`: expected text or a reference", node.path);
    let error = node.error(Code::EvalWrongType, message, "neither text nor a reference");
    let help = "write text, `secret: \"…\"`, `{config: \"…\", key: \"…\"}` or \
                `{from: \"…\", output: \"…\"}`";
    node.report(error.missing_here().help(help));
    None
}
