//! Raw objects of Kubernetes: taken as they are written.

use std::collections::BTreeMap;

use kcc_cue::{Node, Value};
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

/// Decodes what components merge into their objects, by component and kind.
pub(crate) fn patches(root: &Cursor<'_>) -> BTreeMap<Name, BTreeMap<String, Json>> {
    let mut patches = BTreeMap::new();
    for (field, _) in KINDS {
        for (name, component) in root.child(field).iter().flat_map(Cursor::fields) {
            let Some(all) = component.child("kubernetes") else {
                continue;
            };
            let of_component: BTreeMap<_, _> = all
                .fields()
                .filter_map(|(kind, node)| Some((kind.to_owned(), json(node.node)?)))
                .collect();
            patches.insert(name.to_owned(), of_component);
        }
    }
    patches
}
