//! [`Content`]: a desired state with its provenance, as the command line hands it over
//! and as it is read back.

use std::collections::BTreeMap;

use kcc_lower::{Lowered, Part};
use kcc_model::{Component, Name, TargetModel, Team};
use kcc_tree::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{Fragments, Repository};
use crate::Scope;

/// A desired state with its provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// The repositories that the fragments are in.
    pub repositories: Vec<Repository>,
    /// The digest of each fragment, by its path.
    pub fragments: Fragments,
    /// The record of all that belongs to no component.
    pub shared: Shared,
    /// Each component.
    pub components: BTreeMap<Name, RecordedComponent>,
}

/// The record of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedComponent {
    /// The canonical model.
    pub model: Component,
    /// Its objects on the engine.
    pub lowered: Part,
    /// The values that fragments declare, with their lines.
    pub values: Vec<DeclaredValue>,
    /// The fields that its engine does not honour natively.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parity: Vec<Parity>,
}

/// The record of what belongs to no component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    /// The teams.
    pub teams: BTreeMap<Name, Team>,
    /// The policies that hold in the target.
    pub policies: Vec<RecordedPolicy>,
    /// The model without its components.
    pub model: TargetModel,
    /// The objects on the engine, and what holds for all of them.
    pub lowered: Part,
    /// The values that fragments declare outside of components, with their lines.
    pub values: Vec<DeclaredValue>,
    /// The fields that the engine does not honour natively.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parity: Vec<Parity>,
}

/// A policy that holds in a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPolicy {
    /// The name.
    pub name: String,
    /// The message that is shown on a violation.
    pub message: String,
    /// The line that declares it.
    pub line: DeclaredLine,
}

/// A use of a field that the engine approximates or drops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parity {
    /// The path in the model.
    pub path: Path,
    /// The verdict, such as `emulated`.
    pub verdict: String,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The target's reason for accepting a drop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// A value of the model that fragments declare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclaredValue {
    /// The path in the model, as the fragments spell it.
    pub path: Path,
    /// The value; none if the lines declare a struct, such as a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The lines of fragments that take part in it.
    pub lines: Vec<DeclaredLine>,
}

/// A line of a fragment that takes part in a value.
///
/// The commit that introduced it is not stored: it follows from the commit of the
/// repository, the file and the line, and reading it takes longer than an apply may wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclaredLine {
    /// The way it takes part.
    pub role: Role,
    /// The file, relative to the root.
    pub file: String,
    /// The first line, from 1.
    pub line: usize,
    /// The first column in characters, from 1.
    pub column: usize,
    /// The team that answers for it; none for the system's own files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// The file that refers to the line, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The source text, unless it is the value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The way in which a line takes part in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A value.
    Value,
    /// A CUE default, marked `*`.
    CueDefault,
    /// A default declared under `defaults`.
    Default,
    /// A type, bound, regular expression or disjunction.
    Constraint,
}

impl Role {
    /// Returns the role as text shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::CueDefault => "* default",
            Self::Default => "default",
            Self::Constraint => "constraint",
        }
    }
}

impl Content {
    /// Returns the desired state, with the sources of the fields of its objects.
    pub fn lowered(&self, scope: &Scope) -> Lowered {
        let parts = self.components.iter();
        let parts = parts.map(|(name, component)| (name.clone(), component.lowered.clone()));
        let Scope {
            system,
            target,
            instance,
        } = scope.clone();
        Lowered::join(
            (system, target, instance),
            self.shared.lowered.clone(),
            parts,
        )
    }

    /// Returns the model of the target.
    pub fn model(&self) -> TargetModel {
        let components = self.components.iter();
        let components =
            components.map(|(name, component)| (name.clone(), component.model.clone()));
        TargetModel {
            components: components.collect(),
            ..self.shared.model.clone()
        }
    }

    /// Iterates over all values that fragments declare, those of components first.
    pub fn values(&self) -> impl Iterator<Item = &DeclaredValue> {
        let components = self.components.values();
        let components = components.flat_map(|component| &component.values);
        components.chain(&self.shared.values)
    }

    /// Returns what fragments declare at a path.
    pub fn at(&self, path: &Path) -> Option<&DeclaredValue> {
        self.below(path).find(|value| value.path == *path)
    }

    /// Iterates over what fragments declare at and below a path.
    pub fn below(&self, path: &Path) -> impl Iterator<Item = &DeclaredValue> {
        let (one, all) = match path.0.get(1) {
            Some(name) => (self.components.get(name), None),
            None => (None, Some(self.components.values())),
        };
        let components = one.into_iter().chain(all.into_iter().flatten());
        let values = components.flat_map(|component| &component.values);
        let values = values.chain(&self.shared.values);
        values.filter(move |value| value.path.is_within(path))
    }
}
