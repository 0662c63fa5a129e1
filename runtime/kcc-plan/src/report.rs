//! [`ApplyReport`]: the result of an apply, in terms that hold for every engine.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::Name;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Address, Scope};

/// The effect of an apply on a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was already as desired.
    Unchanged,
    /// It was created.
    Created,
    /// It was changed in place or started again.
    Updated,
    /// A new object replaced it.
    Replaced,
    /// It was removed.
    Deleted,
    /// Nothing was done, because something it depends on failed.
    Skipped,
    /// An operation failed, or it did not become ready.
    Failed,
}

impl Outcome {
    /// Returns `unchanged`, `created`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// The result of an apply for one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentReport {
    /// The owning team.
    pub team: Option<Name>,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason if it failed or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The addresses at which it is reachable from outside, such as
    /// `0.0.0.0:8080`; filled in by the engine crate after the apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// True if the cluster has yet to assign an address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub address_pending: bool,
}

/// A failure during an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The code, which has a page.
    #[serde(serialize_with = "as_text")]
    pub code: Code,
    /// The component; none for shared objects.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// The failure with its causes, in one line.
    pub message: String,
    /// Further explanation, such as the end of a log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// One action that resolves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// The result of an apply or a down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// The scope.
    #[serde(flatten)]
    pub scope: Scope,
    /// Every component of the plan by name.
    pub components: BTreeMap<Name, ComponentReport>,
    /// The failures, in the order in which they occurred.
    pub failures: Vec<Failure>,
    /// Removals that failed and that the next command tries again. They do not
    /// make the report incomplete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Failure>,
    /// Components that were not ready before and that this apply does not affect. They do
    /// not make the report incomplete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_ready: Vec<Failure>,
    /// The number of operations performed.
    pub performed: usize,
    /// The number of operations planned.
    pub planned: usize,
    /// The number of calls that may have changed the engine's state.
    pub mutating_calls: u64,
    /// True if the user asked to stop.
    pub cancelled: bool,
}

/// Components by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the outcomes")]
pub struct Totals {
    pub created: usize,
    pub updated: usize,
    pub replaced: usize,
    pub deleted: usize,
    pub unchanged: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl ApplyReport {
    /// Returns true if everything was done and is ready.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
            && !self.cancelled
            && self.performed + self.left.len() == self.planned
    }

    /// Returns 0, or 4 if the apply is incomplete.
    pub fn exit_code(&self) -> u8 {
        if self.is_complete() { 0 } else { 4 }
    }

    /// Counts the components by outcome.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for component in self.components.values() {
            *match component.outcome {
                Outcome::Created => &mut totals.created,
                Outcome::Updated => &mut totals.updated,
                Outcome::Replaced => &mut totals.replaced,
                Outcome::Deleted => &mut totals.deleted,
                Outcome::Unchanged => &mut totals.unchanged,
                Outcome::Failed => &mut totals.failed,
                Outcome::Skipped => &mut totals.skipped,
            } += 1;
        }
        totals
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn as_text<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}
