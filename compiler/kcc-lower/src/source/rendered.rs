//! [`Rendered`]: an object as it is rendered, with the sources of its fields.

use kcc_model::Name;
use kcc_tree::Path;
use serde_json::Value;

use super::{
    elements,
    sources::{Source, Sources},
};

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
    /// The sources of its fields.
    pub(crate) sources: Sources,
}

impl Rendered {
    /// Returns the source of a field; none if lowering recorded none.
    pub fn source(&self, field: &Path) -> Option<Source> {
        self.sources.of(field)
    }

    /// Returns the value at a path. List elements are found by their index, their
    /// `name` or their mount path.
    pub fn find(&self, path: &Path) -> Option<(Path, &Value)> {
        let mut at = Vec::new();
        let mut value = &self.value;
        for name in &path.0 {
            let key = match value {
                Value::Array(items) => elements::element(items, name)?.to_string(),
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
            let known = value.filter(|_| list).and_then(elements::name);
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
