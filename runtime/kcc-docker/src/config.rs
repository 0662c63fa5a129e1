//! The labels by which a container is compared with its desired configuration:
//! one hash of the whole, which decides, and short hashes of the fields, by which
//! a plan names the changes.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::docker::Container;
use kcc_plan::FieldChange;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    hex::hex,
    observed::{ObservedContainer, label},
};

/// The fields whose entries are compared individually.
const KEYED: [&str; 6] = ["env", "files", "mounts", "labels", "networks", "docker"];
/// The most names that a cause lists.
const MAX_NAMES: usize = 3;

/// Returns all labels of a new container.
pub(crate) fn labels(container: &Container) -> BTreeMap<String, String> {
    let mut labels = container.labels.clone();
    labels.insert(label::CONFIG_HASH.to_owned(), container.config_hash());
    // A map of texts always serialises.
    let fields = serde_json::to_string(&hashes(container)).unwrap_or_default();
    labels.insert(label::CONFIG_FIELDS.to_owned(), fields);
    labels
}

/// Describes the changes since a container was created.
pub(crate) fn cause(container: &Container, before: Option<&str>) -> String {
    let changed: Vec<_> = changed_fields(container, before)
        .iter()
        .map(|key| format!("`{key}`"))
        .collect();
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

/// Returns the changes with their values. Of a container that exists, kcc knows hashes
/// and what the engine reports: the environment and the process, which may contain
/// secrets, are not shown.
pub(crate) fn changes(container: &Container, existing: &ObservedContainer) -> Vec<FieldChange> {
    let before = existing.config_fields.as_deref();
    let desired = fields(container);
    let had = parse(before).unwrap_or_default();
    changed_fields(container, before)
        .into_iter()
        .map(|path| FieldChange {
            live: if had.contains_key(&path) {
                live(&path, existing)
            } else {
                Some(Value::Null)
            },
            desired: match desired.get(&path) {
                // A variable's literal is its text.
                Some(value) => Some(value.get("literal").unwrap_or(value).clone())
                    .filter(|_| !is_content(&path)),
                None => Some(Value::Null),
            },
            path,
        })
        .collect()
}

/// Returns true for the content of a file, and for what contains some.
fn is_content(path: &str) -> bool {
    let first = path.split('.').next().unwrap_or_default();
    ["files", "binaryFiles", "init"].contains(&first)
}

/// Returns a value that the engine reports in the form of the desired one.
fn live(path: &str, existing: &ObservedContainer) -> Option<Value> {
    let setting = |name: &str| existing.settings.get(name)?.as_u64();
    match path {
        "image" => Some(existing.image.as_str().into()),
        "memory" => setting("Memory").map(Value::from),
        // The quota is in microseconds of a period of 100 ms.
        "cpuMillis" => setting("CpuQuota").map(|quota| Value::from(quota / 100)),
        "cpuShares" => setting("CpuShares").map(Value::from),
        _ => None,
    }
}

/// Returns the names of the fields that changed since a container was created; none
/// without its former configuration.
fn changed_fields(container: &Container, before: Option<&str>) -> Vec<String> {
    let Some(before) = parse(before) else {
        return Vec::new();
    };
    let now = hashes(container);
    let all: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let changed = all.into_iter();
    let changed = changed.filter(|key| before.get(*key) != now.get(*key));
    changed.cloned().collect()
}

fn parse(fields: Option<&str>) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(fields?).ok()
}

/// Returns short hashes of the fields that are set, by name.
fn hashes(container: &Container) -> BTreeMap<String, String> {
    let fields = fields(container).into_iter();
    fields
        .map(|(name, value)| (name, short_hash(&value)))
        .collect()
}

/// Returns the fields that are set, by name.
fn fields(container: &Container) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    let Ok(Value::Object(fields)) = serde_json::to_value(container.configuration()) else {
        return out;
    };
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::Object(entries) if KEYED.contains(&name.as_str()) => {
                for (key, value) in entries {
                    out.insert(format!("{name}.{key}"), value);
                }
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(steps) if name == "init" => {
                for step in steps {
                    let of = step["name"].as_str().unwrap_or_default();
                    out.insert(format!("{name}.{of}"), step.clone());
                }
            }
            value => {
                out.insert(name, value);
            }
        }
    }
    out
}

fn short_hash(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string())[..4])
}
