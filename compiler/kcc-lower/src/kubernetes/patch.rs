//! Applies patches, the last resort of a component to change its own objects.
//!
//! Structs merge field by field, lists of named items by name, and everything else
//! is replaced; `null` removes a field. A patch is validated against the type of its
//! object. It cannot change the identity of an object (name, labels, selector), by
//! which kcc finds it.

use kcc_diag::{Code, nearest};
use kcc_model::Component;
use kcc_tree::Path;
use serde_json::Value;

use super::raw_objects::validate_built_in;
use crate::kubernetes::Object;
use crate::kubernetes::network::PUBLIC;
use crate::kubernetes::objects::Objects;
use crate::lowering::Lowering;
use crate::source::{Recorder, Sources};
use crate::validation::report;

/// Fields that identify an object.
const IDENTITY_FIELDS: [&str; 8] = [
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/namespace",
    "/roleRef",
    "/spec/selector",
    "/spec/serviceName",
    "/subjects",
];

/// Fields that set the pods' service account: another account would bypass grants.
const ACCOUNT_FIELDS: [&str; 4] = [
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
            let path = lowering.declared_path(component, "kubernetes", std::slice::from_ref(kind));
            let own = objects
                .by_rank
                .values_mut()
                .filter(|object| object.component.as_ref() == Some(name));
            let (matching, others): (Vec<_>, Vec<_>) =
                own.partition(|object| field_of(object, name) == *kind);
            if matching.is_empty() {
                let kinds = others.iter().map(|object| field_of(object, name));
                let mut kinds: Vec<_> = kinds.collect();
                kinds.dedup();
                let known = kinds.iter().map(String::as_str);
                let help = match nearest(kind, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of its objects: {}", list_kinds(&kinds)),
                };
                lowering.error(
                    Code::LowerBadObject,
                    &path,
                    format!("`{}` has no object `{kind}` on Kubernetes", component.path),
                    "no such object",
                    help,
                );
                continue;
            }
            for object in matching {
                patch_object(lowering, component, kind, patch, &path, object);
            }
        }
    }
}

/// Applies the patch of a kind to one object of a component.
fn patch_object(
    lowering: &mut Lowering<'_>,
    component: &Component,
    kind: &str,
    patch: &Value,
    declared: &Path,
    object: &mut Object,
) {
    for violation in validate_built_in(&object.api_version, &object.kind, patch) {
        report(lowering, declared, &object.kind, violation);
    }
    for pointer in ACCOUNT_FIELDS
        .iter()
        .filter(|at| patch.pointer(at).is_some())
    {
        let at = below(declared, pointer);
        lowering.error(
            Code::LowerManagedField,
            &at,
            format!("`{at}` is set by kcc"),
            "set by kcc",
            "use `identity: name` instead",
        );
    }
    let mut merged = object.manifest.clone();
    let id = (object.kind.to_lowercase(), object.name.clone());
    let before = lowering.sources.remove(&id).unwrap_or_default();
    let sources = Recorder::resume(before.clone(), component);
    let source = sources.within(["kubernetes", kind]);
    merge(&mut merged, patch, &source);
    keep_labels(&object.manifest, &mut merged, &sources, &before);
    lowering.sources.insert(id, sources.finish());
    let changed = IDENTITY_FIELDS
        .iter()
        .find(|pointer| merged.pointer(pointer) != object.manifest.pointer(pointer));
    if let Some(pointer) = changed {
        let at = below(declared, pointer);
        lowering.unsupported(
            &at,
            format!("`{at}` would change the identity of the object"),
            "remove it: kcc identifies objects by names and selectors",
        );
        return;
    }
    object.manifest = merged;
}

fn below(path: &Path, pointer: &str) -> Path {
    let names = pointer.split('/').skip(1);
    names.fold(path.clone(), |path, name| path.join(name))
}

/// Returns the patch field for an object: that of its kind, except for the further
/// Services of a component.
fn field_of(object: &Object, component: &str) -> String {
    let further = object.name.strip_prefix(component);
    match further {
        _ if object.kind != "Service" || object.name == component => field_name(&object.kind),
        Some(rest) if rest.starts_with(PUBLIC) => "publicService".to_owned(),
        _ => "aliasService".to_owned(),
    }
}

/// Returns the patch field for a kind: `StatefulSet` → `statefulSet`.
fn field_name(kind: &str) -> String {
    let mut letters = kind.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn list_kinds(kinds: &[String]) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    kinds.join(", ")
}

/// Restores the labels by which kcc and Services select the object and its pods.
fn keep_labels(before: &Value, after: &mut Value, sources: &Recorder, recorded: &Sources) {
    for field in ["metadata.labels", "spec.template.metadata.labels"] {
        let pointer = format!("/{}", field.replace('.', "/"));
        if let (Some(Value::Object(own)), Some(Value::Object(labels))) =
            (before.pointer(&pointer), after.pointer_mut(&pointer))
        {
            for (name, value) in own {
                labels.insert(name.clone(), value.clone());
                sources.below(field).entry(name).restore(recorded);
            }
        }
    }
}

/// Merges a patch into a value. `source` is at the value, and at the patch in the
/// model.
fn merge(value: &mut Value, patch: &Value, source: &Recorder) {
    match (value, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, patch) in patch {
                if patch.is_null() {
                    fields.remove(name);
                    continue;
                }
                let field = fields.entry(name.clone()).or_insert(Value::Null);
                let source = source.entry(name).within([name]);
                merge(field, patch, &source);
            }
        }
        (Value::Array(items), Value::Array(patch)) if all_named(items) && all_named(patch) => {
            for (at, patch) in patch.iter().enumerate() {
                let known = items.iter().position(|item| item["name"] == patch["name"]);
                let source = source.within([&at.to_string()]);
                if let Some(known) = known {
                    merge(&mut items[known], patch, &source.element(known));
                } else {
                    source.element(items.len()).alike("", "");
                    items.push(patch.clone());
                }
            }
        }
        // Merging into an empty object drops the `null` fields of the patch.
        (value @ Value::Null, Value::Object(_)) => {
            *value = Value::Object(serde_json::Map::new());
            merge(value, patch, source);
        }
        (value, patch) => {
            *value = patch.clone();
            source.alike("", "");
        }
    }
}

/// Returns true if all items have a name.
fn all_named(items: &[Value]) -> bool {
    items
        .iter()
        .all(|item| item.get("name").is_some_and(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merges_structs_and_named_items_and_replaces_all_else() {
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
            &Recorder::at(Path::default()),
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
