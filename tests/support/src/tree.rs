//! Configuration trees made by hand, for the tests of what reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kcc_diag::Files;
use kcc_tree::{ConfigTree, Node, Origin, Value};

/// Builds a node that nothing defines.
pub fn absent() -> Node {
    Node {
        value: Value::Absent,
        origins: Vec::new(),
    }
}

/// Builds the node of a JSON value. It and all nodes below it have an origin, if one
/// is given.
pub fn node(json: &serde_json::Value, origin: Option<Origin>) -> Node {
    let below = |json| node(json, origin);
    let value = match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => Value::Number(number.clone()),
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(below).collect()),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter();
            Value::Struct(
                fields
                    .map(|(name, json)| (name.clone(), below(json)))
                    .collect(),
            )
        }
    };
    Node {
        value,
        origins: origin.into_iter().collect(),
    }
}

/// Returns a child of a node, an absent one if it is new. The node becomes a struct
/// if it is none.
pub fn child<'n>(node: &'n mut Node, name: &str) -> &'n mut Node {
    if !matches!(node.value, Value::Struct(_)) {
        node.value = Value::Struct(BTreeMap::new());
    }
    let Value::Struct(fields) = &mut node.value else {
        unreachable!("assigned a struct above")
    };
    fields.entry(name.to_owned()).or_insert_with(absent)
}

/// Builds a tree without declarations, policies and blame.
pub fn tree(files: Files, system: Node, targets: BTreeMap<String, Node>) -> ConfigTree {
    ConfigTree {
        files: Arc::new(files),
        system,
        targets,
        declarations: BTreeMap::new(),
        policies: BTreeMap::new(),
        partial: BTreeSet::new(),
        blame: BTreeMap::new(),
    }
}
