//! [`Process`]: the surroundings of a container's program, in terms of both engines.
//! A field that both engines call by other names has one name here, so that the copy can
//! be compared with what ran field by field.

pub(crate) mod docker;
pub(crate) mod kubernetes;

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use kcc_lower::kubernetes::{ENCODED_KEY, GENERATED_KEY};
use kcc_model::{Name, Secret, SecretProvider};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Begins the value of a variable that the cluster fills in.
pub(crate) const FIELD: &str = "<field ";
/// Begins a part of a value that is a secret.
pub(crate) const SECRET: &str = "<secret ";

/// A container of a component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The component.
    pub component: Name,
    /// The container in it.
    pub part: Part,
}

/// The part that a container has in a component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// The component's own program.
    Main,
    /// A step that completes before it starts.
    Init(Name),
    /// A program beside it.
    Sidecar(Name),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.component)?;
        match &self.part {
            Part::Main => Ok(()),
            Part::Init(name) => write!(f, ".init.{name}"),
            Part::Sidecar(name) => write!(f, ".sidecars.{name}"),
        }
    }
}

/// The surroundings of a program, by field: `image`, `command`, `env.NAME`, `file.PATH`,
/// `mount.PATH`, `memory`, …. A field without a value is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The values.
    pub fields: BTreeMap<String, Value>,
}

impl Process {
    /// Sets a field, unless it has no value.
    fn set(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::Bool(set) => !set,
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if !empty {
            self.fields.insert(field.into(), value);
        }
    }
}

/// Writes a secret as both engines' values have it: the Secret of a cluster and its key.
fn secret(name: &str, key: &str) -> String {
    format!("{SECRET}{name}/{key}>")
}

/// Writes a secret of the model.
fn model_secret(secrets: &BTreeMap<Name, Secret>, name: &str, encoded: bool) -> String {
    let provider = secrets.get(name).map(|secret| &secret.provider);
    match provider {
        Some(SecretProvider::Kubernetes {
            name,
            key,
            encoded_key,
        }) => {
            let encoded_key = encoded_key.as_ref().filter(|_| encoded);
            secret(name, encoded_key.unwrap_or(key))
        }
        // What kcc generates is the same in a URL.
        Some(SecretProvider::Generate {}) => secret(name, GENERATED_KEY),
        _ => secret(name, if encoded { ENCODED_KEY } else { GENERATED_KEY }),
    }
}

/// Writes a mount of data.
fn mount(kind: &str, read_only: bool) -> String {
    let mut text = kind.to_owned();
    if read_only {
        text.push_str(" (read-only)");
    }
    text
}

/// Writes a directory that is removed with its container.
fn ephemeral(size: Option<u64>) -> String {
    let mut text = "ephemeral".to_owned();
    if let Some(size) = size {
        let _ = write!(text, ", {size} bytes");
    }
    text
}

/// Writes the restarts of a program that runs to completion.
fn restart(retries: u64) -> String {
    match retries {
        0 => "never".to_owned(),
        retries => format!("after a failure, up to {retries} times"),
    }
}
