//! [`ConfigTree`]: what evaluation returns, every node with the lines it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kcc_diag::{FileId, Files, Span};

use crate::explained::{Explained, Policy};

/// How a line takes part in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Concrete by itself, and written by a fragment.
    Value,
    /// A type, a bound, a regular expression, a disjunction.
    Constraint,
    /// A `*` default of CUE's own.
    CueDefault,
    /// A soft value: a team's or the system's `defaults`, or the schema's `@default`.
    Soft,
    /// kcc's schema.
    Schema,
}

/// One line behind a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The expression.
    pub span: Span,
    /// What it contributes.
    pub role: Role,
    /// The file whose team says it here: that of the span, unless the line
    /// came in through a reference (`services: web: _app & {…}`), then that of
    /// the fragment with the reference.
    pub by: FileId,
}

/// A line that makes a component exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Declaration {
    /// The path of the component, such as `services.web`.
    pub path: Path,
    /// The field's label in the fragment that gives `image`, `build` or `kind`
    /// itself or through what it refers to; none such if nobody does.
    pub owners: Vec<Span>,
    /// Labels of all other fields of that path.
    pub others: Vec<Span>,
}

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
    /// The lines that contribute to exactly this node (not to what is below it).
    pub origins: Vec<Origin>,
}

impl Node {
    /// The child of that name or, in a list, of that index; absent fields are no children.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.any_child(name)
            .filter(|node| node.value != Value::Absent)
    }

    fn any_child(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Struct(fields) => fields.get(name),
            Value::List(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The fields of a struct that are present; nothing for another kind.
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

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON, absent fields left out.
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

/// The path of a node: its field names and list indexes from the root.
///
/// Shown with dots; a name that is no plain identifier is quoted, as in
/// `secrets."stripe-key"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<String>);

impl Path {
    /// The path below this one.
    #[must_use]
    pub fn join(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// A path from field names.
    pub fn of<const N: usize>(names: [&str; N]) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            let plain = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
            if plain {
                f.write_str(name)?;
            } else {
                write!(f, "{name:?}")?;
            }
        }
        Ok(())
    }
}

/// Everything that evaluation found out: the system, and the whole root of each target.
#[derive(Debug, Clone)]
pub struct ConfigTree {
    /// All files, kcc's schema among them, each with its team.
    pub files: Files,
    /// The `system` field of `kcc.cue`.
    pub system: Node,
    /// The root of each target, by the target's name.
    pub targets: BTreeMap<String, Node>,
    /// The components of each target, by the target's name.
    pub declarations: BTreeMap<String, Vec<Declaration>>,
    /// The policies that hold in each target, by the target's name.
    pub policies: BTreeMap<String, Vec<Arc<Policy>>>,
    /// Files that could be read only in part: nothing may be said to be missing
    /// that may stand in one of them.
    pub partial: BTreeSet<FileId>,
    /// What else is said about the paths of each target, by the target's name;
    /// empty unless it was asked for.
    pub explained: BTreeMap<String, BTreeMap<Path, Explained>>,
}

impl ConfigTree {
    /// The node at a path in a target, absent ones too.
    pub fn get(&self, target: &str, path: &Path) -> Option<&Node> {
        path.0
            .iter()
            .try_fold(self.targets.get(target)?, |node, name| node.any_child(name))
    }

    /// The lines behind a path in a target; where the path has none of its own,
    /// those of the nearest node above it.
    pub fn origins(&self, target: &str, path: &Path) -> &[Origin] {
        let Some(mut node) = self.targets.get(target) else {
            return &[];
        };
        let mut found: &[Origin] = &node.origins;
        for name in &path.0 {
            let Some(next) = node.any_child(name) else {
                break;
            };
            node = next;
            if !node.origins.is_empty() {
                found = &node.origins;
            }
        }
        found
    }

    /// The line to point at for a path in a target: the first that a fragment
    /// says, else one of the schema.
    pub fn origin(&self, target: &str, path: &Path) -> Option<&Origin> {
        let origins = self.origins(target, path);
        let said = origins.iter().find(|origin| origin.role != Role::Schema);
        said.or_else(|| origins.first())
    }
}
