//! [`Finding`]: something in a target that is not as desired and that no
//! operation of the plan changes. A plan with findings never says that there is
//! nothing to do. Its JSON is part of what `kcc plan --format json` prints.

use kcc_model::Name;
use serde::{Deserialize, Serialize};

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
}

impl FindingKind {
    /// `not ready`, `conflict`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
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
}
