//! [`Operation`]: one change of an engine, with its cause. Its JSON is what `kcc
//! plan --format json` prints, so a change of a field here is a change for every
//! script that reads it.

use kcc_model::Name;
use kcc_tree::Engine;
use serde::{Deserialize, Serialize};

use crate::FieldChange;

/// The number of an operation in its plan, counted from 1.
pub type OperationId = u32;

/// The change an operation makes to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// The object is created.
    Create,
    /// The object is changed in place.
    Update,
    /// A new object replaces it.
    Replace,
    /// The object is removed.
    Delete,
    /// An existing object is started or restarted.
    Run,
}

impl Action {
    /// Returns `create`, `update`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Run => "run",
        }
    }
}

/// One change of an engine that does not wait for a workload, with its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The operation's number.
    pub id: OperationId,
    /// The change.
    pub action: Action,
    /// The engine that performs it.
    pub engine: Engine,
    /// The kind of the object, such as `container` or `Deployment`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for shared objects.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// The reason, in a few words: what differs, is missing or is no longer declared.
    pub cause: String,
    /// The fields that it changes, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// True if the operation destroys data.
    pub destroys_data: bool,
    /// The operations that precede it.
    pub after: Vec<OperationId>,
}
