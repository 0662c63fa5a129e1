//! Raw objects of Kubernetes: taken as they are written.

use std::collections::BTreeMap;

use kcc_tree::{Node, Value};
use serde_json::Value as Json;

use super::component::KINDS;
use super::{Cursor, Scope, names};
use crate::{Name, RawObject};

/// Decodes the raw objects.
pub(crate) fn objects(scope: &Scope<'_>, root: &Cursor<'_>) -> BTreeMap<Name, RawObject> {
    let Some(all) = root.child("objects") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(name, node)| {
            names::check(&node, "object", name);
            let manifest = json(node.node)?;
            let object = RawObject {
                name: name.to_owned(),
                team: scope.team(&node.path),
                path: node.path.clone(),
                manifest,
            };
            Some((name.to_owned(), object))
        })
        .collect()
}

/// A node as JSON; none for what is only constrained.
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

/// Decodes what components merge into their objects of Kubernetes, by component
/// and kind.
pub(crate) fn patches(root: &Cursor<'_>) -> BTreeMap<Name, BTreeMap<String, Json>> {
    let all = written(root, "kubernetes").into_iter();
    all.filter_map(|(name, patch)| match patch {
        Json::Object(kinds) => Some((name, kinds.into_iter().collect())),
        _ => None,
    })
    .collect()
}

/// Decodes what components merge into their containers on Docker.
pub(crate) fn docker_patches(root: &Cursor<'_>) -> BTreeMap<Name, Json> {
    written(root, "docker")
}

/// A field of components that is taken as it is written. What a backing says
/// joins what its recipe does.
fn written(root: &Cursor<'_>, field: &str) -> BTreeMap<Name, Json> {
    let mut found = BTreeMap::new();
    for (kind, _) in KINDS {
        for (name, component) in root.child(kind).iter().flat_map(Cursor::fields) {
            let recipe = component.below(&["component", field]);
            let own = component.child(field);
            for patch in [recipe, own].into_iter().flatten() {
                let Some(patch) = json(patch.node) else {
                    continue;
                };
                join(found.entry(name.to_owned()).or_insert(Json::Null), patch);
            }
        }
    }
    found
}

fn join(value: &mut Json, other: Json) {
    match (value, other) {
        (Json::Object(fields), Json::Object(other)) => {
            for (name, field) in other {
                join(fields.entry(name).or_insert(Json::Null), field);
            }
        }
        (value, other) => *value = other,
    }
}
