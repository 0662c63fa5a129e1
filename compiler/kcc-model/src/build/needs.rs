//! Decodes `needs`.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::Cursor;
use crate::{Name, Until};

/// A need as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawNeed {
    pub(crate) until: Option<Until>,
    pub(crate) port: Option<Name>,
    pub(crate) optional: bool,
    pub(crate) env: bool,
}

/// Decodes the needs of a component.
pub(crate) fn decode(node: &Cursor<'_>) -> BTreeMap<Name, RawNeed> {
    let Some(all) = node.child("needs") else {
        return BTreeMap::new();
    };
    all.fields()
        .map(|(name, field)| {
            let flag = |name| field.child(name).and_then(|flag| flag.boolean());
            let need = RawNeed {
                until: field.child("until").and_then(|until| self::until(&until)),
                port: field.child("port").and_then(|port| port.text()),
                optional: flag("optional").unwrap_or(false),
                env: flag("env").unwrap_or(true),
            };
            (name.to_owned(), need)
        })
        .collect()
}

fn until(node: &Cursor<'_>) -> Option<Until> {
    match node.text()?.as_str() {
        "started" => Some(Until::Started),
        "healthy" => Some(Until::Healthy),
        "completed" => Some(Until::Completed),
        other => {
            let message = format!("`{}`: unknown state `{other}`", node.path);
            let error = node.error(Code::EvalWrongType, message, "no such state");
            node.report(error.help("write `started`, `healthy` or `completed`"));
            None
        }
    }
}
