//! Where each field of a rendered object comes from: the path of the model that
//! it follows, or why kcc itself writes it.
//!
//! The lowering does not carry lines along. Tables beside it say which field of
//! an object follows which path of the model; a test walks every field of every
//! object of the examples and fails where a table has no line for it.

mod docker;
mod kubernetes;
mod kubernetes_fields;
mod pattern;

use kcc_model::{Component, Name, TargetModel};
use kcc_tree::Path;
use serde_json::Value;

use crate::{Desired, EngineDesired};

/// Where a field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It follows the first of these paths of the model that somebody wrote.
    Model(Vec<Path>),
    /// kcc writes it; why.
    Kcc(&'static str),
}

/// An object as it is rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Its kind in lower case, such as `deployment` or `container`.
    pub kind: String,
    /// Its name on the engine.
    pub name: String,
    /// The component that it belongs to.
    pub component: Option<Name>,
    /// What it says.
    pub value: Value,
}

/// Whether kcc cannot leave a field to another writer: it recognises its
/// objects by it, rolls pods out by it, or protects the machine by it.
pub fn is_required(path: &Path) -> bool {
    kubernetes::is_required(&path.0)
}

/// All objects of a target.
pub fn objects(desired: &Desired) -> Vec<Rendered> {
    match &desired.engine {
        EngineDesired::Docker(docker) => docker::objects(docker),
        EngineDesired::Kubernetes(kubernetes) => kubernetes::objects(kubernetes),
    }
}

impl Rendered {
    /// The value at a path; elements of lists are found by their number, their
    /// `name` or the path that they are mounted at.
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

    /// A path that [`Rendered::find`] gave, with elements of lists by their name
    /// or the path that they are mounted at, where they have one.
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

    /// The fields at and below a path that have no others below them.
    pub fn leaves(&self, path: &Path) -> Vec<(Path, &Value)> {
        let mut leaves = Vec::new();
        if let Some((path, value)) = self.find(path) {
            below(path, value, &mut leaves);
        }
        leaves
    }

    /// Where a field of the object comes from; none where no table knows it.
    pub fn source(&self, target: &TargetModel, path: &Path) -> Option<Source> {
        match target.engine {
            kcc_model::EngineTarget::Docker { .. } => docker::source(self, target, path),
            kcc_model::EngineTarget::Kubernetes { .. } => kubernetes::source(self, target, path),
        }
    }
}

/// Where a field that a patch says is written, in the patch itself or in that
/// of the recipe; none where the patch does not say it.
fn patched(
    component: &Component,
    field: &[&str],
    patch: &Value,
    rendered: &Value,
    names: &[String],
) -> Option<Source> {
    let within = pattern::within(patch, rendered, names)?;
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
