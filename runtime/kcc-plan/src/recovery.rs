//! [`Recovery`]: the objects of a scope whose labels and names prove that kcc
//! made them although no inventory lists them.

use kcc_model::Name;
use serde::Serialize;

use crate::Scope;

/// The result of `kcc recover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// The scope.
    #[serde(flatten)]
    pub scope: Scope,
    /// The objects, by kind and name.
    pub objects: Vec<Recovered>,
    /// The generated secrets whose values were read back from running objects.
    pub secrets: Vec<Name>,
    /// The generated secrets that unlock existing data and whose values are lost:
    /// an apply refuses to generate new ones.
    pub lost_secrets: Vec<Name>,
}

impl Recovery {
    /// Returns the objects that recovery adds to the inventory.
    pub fn recoverable(&self) -> impl Iterator<Item = &Recovered> {
        self.objects.iter().filter(|object| object.is_recoverable())
    }
}

/// One object that carries the labels of the scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// The kind of the object.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for shared objects.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// True if the inventory lists it already.
    pub recorded: bool,
    /// The reason to leave it alone; none if it is provably kcc's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

impl Recovered {
    /// Returns true if recovery adds it to the inventory.
    pub fn is_recoverable(&self) -> bool {
        !self.recorded && self.doubt.is_none()
    }
}
