//! Traces each field of a rendered object to its source: the model path it follows,
//! or the reason why kcc sets it.
//!
//! Lowering does not carry origins. Instead, tables map the fields of objects to
//! model paths; a test walks every field of every object of the examples and fails
//! for fields without an entry.

mod docker;
mod kubernetes;
mod kubernetes_fields;
mod pattern;

use kcc_model::{Component, Name, TargetModel};
use kcc_tree::{Engine, Path};
use serde_json::Value;

use crate::{Desired, EngineDesired};

/// The source of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The first of these model paths that a fragment declares.
    Model(Vec<Path>),
    /// Set by kcc; contains the reason.
    Kcc(&'static str),
}

/// A rendered object.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The kind in lower case, such as `deployment` or `container`.
    pub kind: String,
    /// The name on the engine.
    pub name: String,
    /// The component.
    pub component: Option<Name>,
    /// The object as JSON.
    pub value: Value,
}

/// Returns true if kcc must not leave a field to another field manager: it
/// identifies objects, triggers rollouts, or protects the host.
pub fn is_required(path: &Path) -> bool {
    kubernetes::is_required(&path.0)
}

/// Returns all objects of a target.
pub fn objects(desired: &Desired) -> Vec<Rendered> {
    match &desired.engine {
        EngineDesired::Docker(docker) => docker::objects(docker),
        EngineDesired::Kubernetes(kubernetes) => kubernetes::objects(kubernetes),
    }
}

impl Rendered {
    /// Returns the value at a path. List elements are found by their index, their
    /// `name` or their mount path.
    pub fn find(&self, path: &Path) -> Option<(Path, &Value)> {
        let mut at = Vec::new();
        let mut value = &self.value;
        for name in &path.0 {
            let key = match value {
                Value::Array(items) => pattern::element(items, name)?.to_string(),
                _ => name.clone(),
            };
            value = match value {
                Value::Object(fields) => fields.get(&key)?,
                Value::Array(items) => items.get(key.parse::<usize>().ok()?)?,
                _ => return None,
            };
            at.push(key);
        }
        Some((Path(at), value))
    }

    /// Converts a path from [`Rendered::find`] to use the name or mount path of list
    /// elements that have one.
    pub fn named(&self, path: &Path) -> Path {
        let mut value = Some(&self.value);
        let named = path.0.iter().map(|name| {
            let list = value.is_some_and(Value::is_array);
            value = value.and_then(|value| match value {
                Value::Object(fields) => fields.get(name),
                Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                _ => None,
            });
            let known = value.filter(|_| list).and_then(pattern::name);
            known.unwrap_or(name).to_owned()
        });
        Path(named.collect())
    }

    /// Returns the leaf fields at and below a path.
    pub fn leaves(&self, path: &Path) -> Vec<(Path, &Value)> {
        let mut leaves = Vec::new();
        if let Some((path, value)) = self.find(path) {
            below(path, value, &mut leaves);
        }
        leaves
    }

    /// Returns the source of a field; none if no table has it.
    pub fn source(&self, target: &TargetModel, path: &Path) -> Option<Source> {
        match target.engine.engine() {
            Engine::Docker => docker::source(self, target, path),
            Engine::Kubernetes => kubernetes::source(self, target, path),
        }
    }
}

/// Traces a field to the component's patch or that of its recipe; returns none if
/// the patch does not set it.
fn patch_source(
    component: &Component,
    field: &[&str],
    patch: &Value,
    rendered: &Value,
    names: &[String],
) -> Option<Source> {
    let within = pattern::patch_path(patch, rendered, names)?;
    let below: Vec<String> = field
        .iter()
        .map(|name| (*name).to_owned())
        .chain(within)
        .collect();
    let own = component.path.0.iter().cloned();
    let recipe = own.clone().chain(std::iter::once("component".to_owned()));
    let paths = vec![
        Path(own.chain(below.clone()).collect()),
        Path(recipe.chain(below).collect()),
        component.path.clone(),
    ];
    Some(Source::Model(paths))
}

fn below<'a>(path: Path, value: &'a Value, leaves: &mut Vec<(Path, &'a Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                below(path.join(name), field, leaves);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                below(path.join(at.to_string()), item, leaves);
            }
        }
        _ => leaves.push((path, value)),
    }
}
