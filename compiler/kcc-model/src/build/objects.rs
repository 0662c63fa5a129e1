//! Decodes raw Kubernetes objects and patches, which pass through unchanged.

use std::collections::BTreeMap;

use kcc_tree::{Node, Value, schema::component_fields};
use serde_json::Value as Json;

use super::{Cursor, TargetContext, names};
use crate::{Name, RawObject};

/// Decodes the raw objects.
pub(crate) fn objects(cx: &TargetContext<'_>, root: &Cursor<'_>) -> BTreeMap<Name, RawObject> {
    let Some(all) = root.child("objects") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, node)| {
            names::validate(&node, "object", name);
            let manifest = json(node.node)?;
            let object = RawObject {
                name: name.to_owned(),
                team: cx.team(&node.path),
                path: node.path.clone(),
                manifest,
            };
            Some((name.to_owned(), object))
        })
        .collect()
}

/// Converts a node to JSON; returns none for a value that is only constrained.
fn json(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Absent => return None,
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(number) => Json::Number(number.clone()),
        Value::String(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().filter_map(json).collect()),
        Value::Struct(fields) => Json::Object(
            fields
                .iter()
                .filter_map(|(name, field)| Some((name.clone(), json(field)?)))
                .collect(),
        ),
    })
}

/// Decodes the patches of generated Kubernetes objects, by component and kind.
pub(crate) fn patches(root: &Cursor<'_>) -> BTreeMap<Name, BTreeMap<String, Json>> {
    let all = collect_patches(root, "kubernetes").into_iter();
    all.filter_map(|(name, patch)| match patch {
        Json::Object(kinds) => Some((name, kinds.into_iter().collect())),
        _ => None,
    })
    .collect()
}

/// Decodes the patches of Docker containers, by component.
pub(crate) fn docker_patches(root: &Cursor<'_>) -> BTreeMap<Name, Json> {
    collect_patches(root, "docker")
}

/// Collects a patch field of all components as JSON. A backing's own patch is
/// merged over that of its recipe.
fn collect_patches(root: &Cursor<'_>, field: &str) -> BTreeMap<Name, Json> {
    let mut patches = BTreeMap::new();
    for kind in component_fields() {
        for (name, component) in root.child(kind).iter().flat_map(Cursor::fields) {
            let recipe = component.below(&["component", field]);
            let own = component.child(field);
            for patch in [recipe, own].into_iter().flatten() {
                let Some(patch) = json(patch.node) else {
                    continue;
                };
                merge(patches.entry(name.to_owned()).or_insert(Json::Null), patch);
            }
        }
    }
    patches
}

fn merge(value: &mut Json, other: Json) {
    match (value, other) {
        (Json::Object(fields), Json::Object(other)) => {
            for (name, field) in other {
                merge(fields.entry(name).or_insert(Json::Null), field);
            }
        }
        (value, other) => *value = other,
    }
}
