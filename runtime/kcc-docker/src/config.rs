//! The labels by which a container is compared with its desired configuration:
//! one hash of the whole, which decides, and short hashes of the fields, by which
//! a plan names the changes.

use std::collections::BTreeMap;

use kcc_lower::docker::Container;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{hex::hex, observed::label};

/// The fields whose entries are compared individually.
const KEYED: [&str; 6] = ["env", "files", "mounts", "labels", "networks", "docker"];
/// The most names that a cause lists.
const MAX_NAMES: usize = 3;

/// Returns all labels of a new container.
pub(crate) fn labels(container: &Container) -> BTreeMap<String, String> {
    let mut labels = container.labels.clone();
    labels.insert(label::CONFIG_HASH.to_owned(), container.config_hash());
    // A map of texts always serialises.
    let fields = serde_json::to_string(&fields(container)).unwrap_or_default();
    labels.insert(label::CONFIG_FIELDS.to_owned(), fields);
    labels
}

/// Describes the changes since a container was created.
pub(crate) fn cause(container: &Container, before: Option<&str>) -> String {
    let before: Option<BTreeMap<String, String>> =
        before.and_then(|text| serde_json::from_str(text).ok());
    let Some(before) = before else {
        return "configuration changed".to_owned();
    };
    let now = fields(container);
    let mut changed: Vec<_> = before
        .keys()
        .chain(now.keys())
        .filter(|key| before.get(*key) != now.get(*key))
        .map(|key| format!("`{key}`"))
        .collect();
    changed.sort();
    changed.dedup();
    match changed.len() {
        0 => "configuration changed".to_owned(),
        count if count <= MAX_NAMES => format!("{} changed", changed.join(", ")),
        count => format!(
            "{} and {} more changed",
            changed[..MAX_NAMES].join(", "),
            count - MAX_NAMES
        ),
    }
}

/// Returns short hashes of the fields that are set, by name.
fn fields(container: &Container) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Ok(Value::Object(fields)) = serde_json::to_value(container) else {
        return out;
    };
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::Object(entries) if KEYED.contains(&name.as_str()) => {
                for (key, value) in entries {
                    out.insert(format!("{name}.{key}"), short_hash(&value));
                }
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(steps) if name == "init" => {
                for step in steps {
                    let of = step["name"].as_str().unwrap_or_default();
                    out.insert(format!("{name}.{of}"), short_hash(&step));
                }
            }
            value => {
                out.insert(name, short_hash(&value));
            }
        }
    }
    out
}

fn short_hash(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string())[..4])
}
