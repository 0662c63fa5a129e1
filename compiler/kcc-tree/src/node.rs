//! [`Node`]: a value and the lines it comes from.

use std::collections::BTreeMap;

use crate::Origin;

/// A value without its origins.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value: the field is absent, but lines constrain it.
    Absent,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, exactly as CUE prints it.
    Number(serde_json::Number),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A struct, by field name.
    Struct(BTreeMap<String, Node>),
}

/// A value with its origins, the deciding ones first.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The lines that contribute to exactly this node (not to its children).
    pub origins: Vec<Origin>,
}

impl Node {
    /// Returns the field of that name or, in a list, the item at that index,
    /// unless it is absent.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.any_child(name)
            .filter(|node| node.value != Value::Absent)
    }

    /// Returns the field or item, absent ones too.
    pub(crate) fn any_child(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Struct(fields) => fields.get(name),
            Value::List(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// Returns the fields of a struct that are present; nothing for another kind.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Node)> {
        let fields = match &self.value {
            Value::Struct(fields) => Some(fields),
            _ => None,
        };
        fields
            .into_iter()
            .flatten()
            .filter(|(_, node)| node.value != Value::Absent)
            .map(|(name, node)| (name.as_str(), node))
    }

    /// Returns the string, if the value is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Converts the value to JSON and leaves absent fields out.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Absent | Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::String(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Struct(_) => self
                .fields()
                .map(|(name, node)| (name.to_owned(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
