//! What an apply did ([`ApplyReport`]) and what runs ([`StatusReport`]), in
//! words that hold for every engine.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::Name;
use serde::{Serialize, Serializer};

use crate::Scope;

/// What an apply did to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was as it should be.
    Unchanged,
    /// It was made.
    Created,
    /// It was changed where it is, or started again.
    Updated,
    /// A new one took its place.
    Replaced,
    /// It was removed.
    Deleted,
    /// Nothing was done, because something that it needs failed.
    Skipped,
    /// An operation failed, or it did not become ready.
    Failed,
}

impl Outcome {
    /// `unchanged`, `created`, …
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

/// What an apply did to one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentReport {
    /// The team that owns it.
    pub team: Option<Name>,
    /// What was done.
    pub outcome: Outcome,
    /// Why it failed or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Addresses at which it answers from outside, such as `0.0.0.0:8080`;
    /// filled by the engine once the apply has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// Something that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The code, which has a page.
    #[serde(serialize_with = "as_text")]
    pub code: Code,
    /// The component, if it is one's own.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// What failed, with its causes, in one line.
    pub message: String,
    /// What else explains it, such as the last lines of a log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// One action that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What an apply or a down did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Every component of the plan by name.
    pub components: BTreeMap<Name, ComponentReport>,
    /// What failed, in the order in which it did.
    pub failures: Vec<Failure>,
    /// What could not be removed and is tried again next time. It does not make
    /// the report incomplete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Failure>,
    /// Operations that were performed.
    pub performed: usize,
    /// Operations that the plan had.
    pub planned: usize,
    /// Calls to the engine that may have changed something.
    pub mutating_calls: u64,
    /// The user asked to stop.
    pub cancelled: bool,
}

/// Components by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
    /// Whether everything was done and is ready.
    pub fn complete(&self) -> bool {
        self.failures.is_empty()
            && !self.cancelled
            && self.performed + self.left.len() == self.planned
    }

    /// 0, or 4 where it has to run again.
    pub fn exit_code(&self) -> u8 {
        if self.complete() { 0 } else { 4 }
    }

    /// How many components had which outcome.
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

/// What a component is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nothing of it is there.
    Absent,
    /// Some of it is there, but does not run.
    Stopped,
    /// It runs and is not ready.
    Starting,
    /// It runs and is ready, as far as anyone can tell.
    Running,
    /// It ran to its end.
    Completed,
    /// It runs whenever its schedule says so.
    Scheduled,
    /// It ended with an error, or does so again and again.
    Failed,
    /// It runs outside the system.
    External,
}

impl State {
    /// `absent`, `stopped`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Scheduled => "scheduled",
            Self::Failed => "failed",
            Self::External => "external",
        }
    }
}

/// One component as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// The team that owns it.
    pub team: Option<Name>,
    /// What it does.
    pub state: State,
    /// Replicas that are ready, of those that should be.
    pub ready: u32,
    /// Replicas that should be.
    pub replicas: u32,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Why the last apply could not bring it to its desired configuration; what
    /// ran before may still run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unapplied: Option<String>,
    /// Addresses at which it answers from outside, such as `0.0.0.0:8080`.
    pub addresses: Vec<String>,
}

impl ComponentStatus {
    /// Of a component that runs outside the system: there is nothing to be ready.
    pub fn external() -> Self {
        Self {
            team: None,
            state: State::External,
            ready: 0,
            replicas: 0,
            why: None,
            unapplied: None,
            addresses: Vec::new(),
        }
    }

    /// Whether all of its replicas are ready and as desired.
    pub fn ready(&self) -> bool {
        self.ready >= self.replicas && self.state != State::Failed && self.unapplied.is_none()
    }
}

/// Everything of a target as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Every component by name; those that no fragment has any more as well.
    pub components: BTreeMap<Name, ComponentStatus>,
}

impl StatusReport {
    /// Whether all components are ready.
    pub fn ready(&self) -> bool {
        self.components.values().all(ComponentStatus::ready)
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn as_text<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}
