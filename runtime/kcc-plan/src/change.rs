//! [`FieldChange`]: a field that an operation changes, with its values on both sides.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The most characters of a value in text.
const MAX_LENGTH: usize = 60;

/// A field that an operation changes. A value is null if the field is absent on its
/// side, and none if it is not shown: it may be a secret, or is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The path in the engine's object.
    pub path: String,
    /// The live value.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub live: Option<Value>,
    /// The desired value.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub desired: Option<Value>,
}

/// Reads a value that is there, which may be null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Formats it as `replicas: 1 → 3`.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        if self.live.is_none() && self.desired.is_none() {
            return write!(f, "{path}: changed");
        }
        let (live, desired) = (text(self.live.as_ref()), text(self.desired.as_ref()));
        write!(f, "{path}: {live} → {desired}")
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => "***".to_owned(),
        Some(Value::Null) => "none".to_owned(),
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(MAX_LENGTH) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// Finds a field by [`FieldChange::path`]: the names that lead to it, joined by dots.
/// Names may have dots themselves, as those of labels do; elements of lists are named by
/// their names, mount paths or positions. Returns the path with positions.
pub fn find_field(object: &Value, path: &str) -> Option<Vec<String>> {
    let names: Vec<&str> = path.split('.').collect();
    let mut found = Vec::new();
    below(object, &names, &mut found).then_some(found)
}

fn below(value: &Value, names: &[&str], path: &mut Vec<String>) -> bool {
    if names.is_empty() {
        return true;
    }
    for count in 1..=names.len() {
        let name = names[..count].join(".");
        let next = match value {
            Value::Object(fields) => fields.get(&name).map(|value| (name, value)),
            Value::Array(items) => {
                let is_it = |item: &Value| {
                    let called = [&item["name"], &item["metadata"]["name"], &item["mountPath"]];
                    called.iter().any(|called| called.as_str() == Some(&name))
                };
                let at = items.iter().position(is_it).or_else(|| name.parse().ok());
                at.and_then(|at: usize| Some((at.to_string(), items.get(at)?)))
            }
            _ => None,
        };
        if let Some((name, next)) = next {
            path.push(name);
            if below(next, &names[count..], path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_and_json_tell_absent_from_hidden() {
        let change = |live: Option<Value>, desired: Option<Value>| FieldChange {
            path: "spec.x".to_owned(),
            live,
            desired,
        };
        for (change, text, json) in [
            (
                change(Some(json!(1)), Some(json!("a"))),
                "spec.x: 1 → \"a\"",
                json!({"path": "spec.x", "live": 1, "desired": "a"}),
            ),
            (
                change(Some(Value::Null), None),
                "spec.x: none → ***",
                json!({"path": "spec.x", "live": null}),
            ),
            (
                change(None, None),
                "spec.x: changed",
                json!({"path": "spec.x"}),
            ),
        ] {
            assert_eq!(change.to_string(), text);
            assert_eq!(serde_json::to_value(&change).unwrap(), json);
            assert_eq!(serde_json::from_value::<FieldChange>(json).unwrap(), change);
        }
        let long = change(Some(json!("x".repeat(100))), Some(json!(1))).to_string();
        assert!(long.contains("…") && long.chars().count() < 90, "{long}");
    }

    #[test]
    fn finds_fields_by_names_with_dots() {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"containers": [{"name": "web", "image": "a"}]},
        });
        for (text, path) in [
            (
                "metadata.labels.app.kubernetes.io/name",
                &["metadata", "labels", "app.kubernetes.io/name"][..],
            ),
            (
                "spec.containers.web.image",
                &["spec", "containers", "0", "image"],
            ),
            (
                "spec.containers.0.image",
                &["spec", "containers", "0", "image"],
            ),
        ] {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(find_field(&object, text), Some(path), "{text}");
        }
        assert_eq!(find_field(&object, "spec.replicas"), None);
    }
}
