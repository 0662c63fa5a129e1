//! [`Finding`]: a difference from the desired state that no operation of the plan
//! changes. A plan with open findings never says "nothing to do". The JSON of a
//! finding is part of `kcc plan --format json`.

use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::Conflict;

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// The object is configured as desired but does not work.
    NotReady,
    /// Another field manager owns a value that a fragment sets.
    Conflict,
    /// The comparison was not possible.
    Unknown,
    /// kcc created the object, but no record lists it, so kcc leaves it alone.
    Unrecorded,
    /// Another field manager owns a value for which kcc only has a default: the
    /// live value stays, and nothing needs to be done.
    Yielded,
    /// The engine has another image under a tag than `kcc.lock`.
    Moved,
    /// A tool whose objects kcc takes over has left it, and it stays.
    Remains,
}

impl FindingKind {
    /// Returns `not ready`, `conflict`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
            Self::Unrecorded => "unrecorded",
            Self::Yielded => "left",
            Self::Moved => "moved",
            Self::Remains => "stays",
        }
    }

    /// Returns true if the finding keeps the target from being as desired and ready.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Yielded | Self::Moved | Self::Remains)
    }
}

/// One difference that the plan reports and does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The kind of finding.
    pub finding: FindingKind,
    /// The kind of the object, such as `container` or `Deployment`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for shared objects.
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
    /// The field in conflict, if another field manager owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

impl Finding {
    /// Creates a finding about something that a former tool has left, and the way to
    /// remove it.
    pub fn remains(kind: &str, name: &str, cause: String, help: Option<String>) -> Self {
        Self {
            finding: FindingKind::Remains,
            kind: kind.to_owned(),
            name: name.to_owned(),
            component: None,
            team: None,
            cause,
            help,
            alternatives: Vec::new(),
            conflict: None,
        }
    }
}
