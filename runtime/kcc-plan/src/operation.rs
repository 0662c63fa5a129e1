//! [`Operation`]: one thing that an apply does, with the reason for it. Its
//! JSON is what `kcc plan --format json` prints: changing a field here changes
//! what scripts read.

use kcc_model::Name;
use serde::{Deserialize, Serialize};

/// The number of an operation in its plan, from 1.
pub type OperationId = u32;

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed where it is.
    Update,
    /// A new one takes its place.
    Replace,
    /// It is removed.
    Delete,
    /// It is there and is started (again).
    Run,
}

impl Action {
    /// `create`, `update`, …
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

/// The engine that performs an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum EngineName {
    Docker,
    Kubernetes,
}

impl EngineName {
    /// `docker` or `kubernetes`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// One API call, or one step that does not wait for a workload, with its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its number.
    pub id: OperationId,
    /// What happens.
    pub action: Action,
    /// Who performs it.
    pub engine: EngineName,
    /// The kind of the object, such as `container` or `Deployment`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for what all share.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// Why, in a few words: what is different, missing or no longer wanted.
    pub cause: String,
    /// Data is gone afterwards.
    pub destroys_data: bool,
    /// The operations that come before it.
    pub after: Vec<OperationId>,
}
