//! Live values of variables, commands and arguments that somebody edited. Drift hides them,
//! because they may be secrets; a capsule has them if it is asked to, unless they are known
//! to be secrets or look like one.

use kcc_model::is_credential;
use kcc_plan::{Deviation, Redaction, find_field};
use serde_json::Value;

use crate::field::is_secretive_name;

/// The fields whose values may be shown on request.
const ON_REQUEST: [&str; 3] = ["env", "command", "args"];
/// The name under which a value without one is judged.
const NAMELESS: &str = "value";

/// Fills in the live value of a difference, if it is hidden only because it might be a
/// secret. `redaction` has the values of all secrets of the scope.
pub(crate) fn reveal(deviation: &mut Deviation, live: &Value, redaction: &Redaction) {
    let Some(change) = deviation.change.as_mut().filter(|one| one.live.is_none()) else {
        return;
    };
    let names: Vec<&str> = change.path.split('.').collect();
    let Some(at) = names.iter().position(|name| ON_REQUEST.contains(name)) else {
        return;
    };
    let variable = names.get(at + 1).copied().unwrap_or(NAMELESS);
    if names.iter().any(|name| is_secretive_name(name)) {
        return;
    }
    let Some(path) = find_field(live, &change.path) else {
        return;
    };
    let found = path.iter().try_fold(live, |value, name| match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    });
    change.live = found
        .filter(|value| is_harmless(variable, value, redaction))
        .cloned();
}

/// Returns true if no text in a value is a secret, or looks like one.
fn is_harmless(name: &str, value: &Value, redaction: &Redaction) -> bool {
    match value {
        Value::String(text) => redaction.apply(text) == *text && !is_credential(name, text),
        Value::Array(items) => items.iter().all(|item| is_harmless(name, item, redaction)),
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str).unwrap_or(name);
            fields
                .values()
                .all(|field| is_harmless(name, field, redaction))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use kcc_plan::{FieldChange, Verdict};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_cannot_be_a_secret_is_revealed() {
        let live = json!({"spec": {"containers": [{
            "name": "web",
            "args": ["--level", "debug"],
            "command": ["sh", "-c", "curl -H hunter2hunter2"],
            "env": [
                {"name": "LOG", "value": "debug"},
                {"name": "API_KEY", "value": "zT9xq"},
                {"name": "COPIED", "value": "hunter2hunter2"},
                {"name": "DATABASE", "value": "postgres://u:pw@db/x"},
            ],
        }]}});
        let redaction = Redaction::new([&"hunter2hunter2".to_owned()]);
        for (path, revealed) in [
            ("spec.containers.web.env.LOG.value", Some(json!("debug"))),
            (
                "spec.containers.web.args",
                Some(json!(["--level", "debug"])),
            ),
            ("spec.containers.web.command", None),
            ("spec.containers.web.env.API_KEY.value", None),
            ("spec.containers.web.env.COPIED.value", None),
            ("spec.containers.web.env.DATABASE.value", None),
            ("metadata.annotations.note", None),
        ] {
            let mut deviation = Deviation {
                change: Some(FieldChange {
                    path: path.to_owned(),
                    live: None,
                    desired: None,
                }),
                ..Deviation::new(Verdict::Edited, "Deployment", "web")
            };
            reveal(&mut deviation, &live, &redaction);
            assert_eq!(deviation.change.unwrap().live, revealed, "{path}");
        }
    }
}
