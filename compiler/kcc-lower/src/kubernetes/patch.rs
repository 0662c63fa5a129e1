//! Patches: what a component merges into its own objects, the last resort.
//!
//! Structs are merged field by field, lists of things with names by these, and
//! everything else is replaced; `null` removes a field. A patch is held against
//! the type of its object. Who an object is (its name, its labels, what it
//! selects) cannot be changed: kcc would not know it again.

use kcc_diag::{Code, nearest};
use kcc_tree::Path;
use serde_json::Value;

use super::objects::built_in;
use crate::kubernetes::Objects;
use crate::lowering::Lowering;
use crate::read::report;

/// What makes an object the one that it is.
const IDENTITY: [&str; 8] = [
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/namespace",
    "/roleRef",
    "/spec/selector",
    "/spec/serviceName",
    "/subjects",
];

/// Whose rights the pods have: an account of another's would go past the grants.
const ACCOUNT: [&str; 4] = [
    "/spec/template/spec/serviceAccountName",
    "/spec/template/spec/serviceAccount",
    "/spec/jobTemplate/spec/template/spec/serviceAccountName",
    "/spec/jobTemplate/spec/template/spec/serviceAccount",
];

pub(super) fn apply(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    for (name, patches) in &lowering.target.patches {
        let Some(component) = lowering.target.components.get(name) else {
            continue;
        };
        for (kind, patch) in patches {
            let path = lowering.written(component, "kubernetes", std::slice::from_ref(kind));
            let own = objects
                .found
                .values_mut()
                .filter(|object| object.component.as_ref() == Some(name));
            let mut kinds = Vec::new();
            let mut matching = None;
            for object in own {
                let written = field_name(&object.kind);
                if written == *kind {
                    matching = Some(object);
                }
                kinds.push(written);
            }
            let Some(object) = matching else {
                let known = kinds.iter().map(String::as_str);
                let help = match nearest(kind, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its objects are {}", listed(&kinds)),
                };
                lowering.error(
                    Code::LowerBadObject,
                    &path,
                    format!("`{}` has no object `{kind}` on Kubernetes", component.path),
                    "no such object",
                    help,
                );
                continue;
            };
            for fault in built_in(&object.api_version, &object.kind, patch) {
                report(lowering, &path, &object.kind, fault);
            }
            for pointer in ACCOUNT.iter().filter(|at| patch.pointer(at).is_some()) {
                let at = below(&path, pointer);
                lowering.error(
                    Code::LowerManagedField,
                    &at,
                    format!("`{at}` is written by kcc itself"),
                    "kcc writes it",
                    "say it with `identity: name`",
                );
            }
            let mut merged = object.manifest.clone();
            merge(&mut merged, patch);
            keep_labels(&object.manifest, &mut merged);
            let changed = IDENTITY
                .iter()
                .find(|pointer| merged.pointer(pointer) != object.manifest.pointer(pointer));
            if let Some(pointer) = changed {
                let at = below(&path, pointer);
                lowering.unsupported(
                    &at,
                    format!("`{at}` would make another object of it"),
                    "remove it: kcc knows its objects by their names and selectors",
                );
                continue;
            }
            object.manifest = merged;
        }
    }
}

fn below(path: &Path, pointer: &str) -> Path {
    let names = pointer.split('/').skip(1);
    names.fold(path.clone(), |path, name| path.join(name))
}

/// The kind of an object as a field is written: `StatefulSet` → `statefulSet`.
fn field_name(kind: &str) -> String {
    let mut letters = kind.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn listed(kinds: &[String]) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    kinds.join(", ")
}

/// The labels of the object and of its pods by which kcc and its Services know
/// them, whatever a patch says.
fn keep_labels(before: &Value, after: &mut Value) {
    for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let (Some(Value::Object(own)), Some(Value::Object(labels))) =
            (before.pointer(pointer), after.pointer_mut(pointer))
        {
            for (name, value) in own {
                labels.insert(name.clone(), value.clone());
            }
        }
    }
}

fn merge(value: &mut Value, patch: &Value) {
    match (value, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, patch) in patch {
                match patch {
                    Value::Null => _ = fields.remove(name),
                    _ => merge(fields.entry(name.clone()).or_insert(Value::Null), patch),
                }
            }
        }
        (Value::Array(items), Value::Array(patch)) if named(items) && named(patch) => {
            for patch in patch {
                match items.iter_mut().find(|item| item["name"] == patch["name"]) {
                    Some(item) => merge(item, patch),
                    None => items.push(patch.clone()),
                }
            }
        }
        // What a patch removes is not there to begin with.
        (value @ Value::Null, Value::Object(_)) => {
            *value = Value::Object(serde_json::Map::new());
            merge(value, patch);
        }
        (value, patch) => *value = patch.clone(),
    }
}

/// Whether all items have a name.
fn named(items: &[Value]) -> bool {
    items
        .iter()
        .all(|item| item.get("name").is_some_and(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structs_and_named_items_are_merged_and_all_else_replaced() {
        let mut value = json!({
            "a": 1,
            "gone": true,
            "containers": [{"name": "web", "image": "x", "args": ["1", "2"]}],
        });
        merge(
            &mut value,
            &json!({
                "gone": null,
                "new": {"b": 2, "c": null},
                "containers": [{"name": "web", "args": ["3"]}, {"name": "side"}],
            }),
        );
        assert_eq!(
            value,
            json!({
                "a": 1,
                "new": {"b": 2},
                "containers": [{"name": "web", "image": "x", "args": ["3"]}, {"name": "side"}],
            })
        );
    }
}
