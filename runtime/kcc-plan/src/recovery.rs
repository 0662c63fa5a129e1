//! [`Recovery`]: the objects of a target whose labels and names prove that kcc
//! made them, where the record of who made what is gone.

use kcc_model::Name;
use serde::Serialize;

use crate::Scope;

/// What `kcc recover` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// The target.
    #[serde(flatten)]
    pub scope: Scope,
    /// The objects, by kind and name.
    pub objects: Vec<Recovered>,
    /// Generated secrets whose values were read back from what runs.
    pub secrets: Vec<Name>,
    /// Generated secrets that open data which is kept, and whose values could
    /// not be had: an apply refuses to make new ones.
    pub lost_secrets: Vec<Name>,
}

impl Recovery {
    /// The objects that the record lacks and that are taken back.
    pub fn taken(&self) -> impl Iterator<Item = &Recovered> {
        self.objects.iter().filter(|object| object.is_taken())
    }
}

/// One object that carries the labels of the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// The kind of the object.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for what all share.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// It is in the record already.
    pub recorded: bool,
    /// Why it is left alone; none if it is provably kcc's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

impl Recovered {
    /// Whether a recovery adds it to the record.
    pub fn is_taken(&self) -> bool {
        !self.recorded && self.doubt.is_none()
    }
}
