//! [`Finding`]: something in a target that is not as desired and that no
//! operation of the plan changes. A plan with findings never says that there is
//! nothing to do. Its JSON is part of what `kcc plan --format json` prints.

use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::Conflict;

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// The object is configured as desired and does not work.
    NotReady,
    /// Somebody else owns a value that a fragment sets.
    Conflict,
    /// The comparison could not be made.
    Unknown,
    /// Somebody else owns a value of which kcc has only a default: theirs stays,
    /// and nothing is left to do.
    Yielded,
}

impl FindingKind {
    /// `not ready`, `conflict`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
            Self::Yielded => "left",
        }
    }

    /// Whether the target is not as desired or not ready because of it.
    pub fn is_open(self) -> bool {
        self != Self::Yielded
    }
}

/// One deviation that the plan reports and does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The kind of finding.
    pub finding: FindingKind,
    /// The kind of the object, such as `container` or `Deployment`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for what all share.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// The reason, in a few words.
    pub cause: String,
    /// One action that resolves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Other actions that resolve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// The field that it is about, if another writer owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}
