//! [`StatusReport`]: the observed state of a target with what its record says about
//! it, in terms that hold for every engine.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kcc_model::Name;
use serde::Serialize;

use crate::{Address, Cause, LabelledObject, NeedLink, Scope};

/// The observed state of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// None of its objects exist.
    Absent,
    /// Some of its objects exist, but none run.
    Stopped,
    /// It runs but is not ready.
    Starting,
    /// It runs and is ready, as far as kcc can tell.
    Running,
    /// It ran to completion.
    Completed,
    /// It runs on a schedule.
    Scheduled,
    /// It ended with an error or is in a crash loop.
    Failed,
    /// It runs outside the system.
    External,
    /// An instance uses that of the target.
    Shared,
}

impl State {
    /// Returns `absent`, `stopped`, …
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
            Self::Shared => "shared",
        }
    }
}

/// The status of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// The owning team.
    pub team: Option<Name>,
    /// The state.
    pub state: State,
    /// The number of ready replicas.
    pub ready: u32,
    /// The desired number of replicas.
    pub replicas: u32,
    /// The time at which it stopped being ready, or never became so, by the engine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The reason if it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The cause of its own if it is not ready; none if it only waits for what it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The needs that lead to the component whose cause is that of this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<NeedLink>,
    /// The reason why the last apply could not bring it to its desired state;
    /// the previous version may still run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unapplied: Option<String>,
    /// The addresses at which it is reachable from outside, such as `0.0.0.0:8080`.
    pub addresses: Vec<Address>,
    /// True if the cluster has yet to assign an address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub address_pending: bool,
    /// True for a job, which is ready once it has completed.
    #[serde(skip)]
    pub is_job: bool,
    /// True if no apply starts it, but `kcc start` alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
}

impl ComponentStatus {
    /// Creates the status of a component in a state, with so many ready replicas.
    pub fn new(state: State, (ready, replicas): (u32, u32)) -> Self {
        Self {
            team: None,
            state,
            ready,
            replicas,
            since: None,
            why: None,
            cause: None,
            needs: Vec::new(),
            unapplied: None,
            addresses: Vec::new(),
            address_pending: false,
            is_job: false,
            manual: false,
        }
    }

    /// Creates the status of a component outside the system, which has no readiness.
    pub fn external() -> Self {
        Self::new(State::External, (0, 0))
    }

    /// Creates the status of a component that an instance shares with its target, which
    /// runs so many replicas of it.
    pub fn shared(scope: &Scope, team: &Name, (running, replicas): (u32, u32)) -> Self {
        let mut status = Self::new(State::Shared, (running, replicas.max(1)));
        status.team = Some(team.clone());
        let target = &scope.target;
        if running > 0 {
            return status.because(format!("the instance uses that of `{target}`"));
        }
        let start = scope.of_target().command("apply");
        let cause = Cause::new("shared-absent", format!("it does not run in `{target}`"));
        status.caused_by(cause.help(format!("start it: `{start}`")))
    }

    /// Sets the reason why it is not ready.
    #[must_use]
    pub fn caused_by(mut self, cause: Cause) -> Self {
        self.why = Some(cause.message.clone());
        self.since = cause.since;
        self.cause = Some(cause);
        self
    }

    /// Sets a reason that does not keep it from being ready.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// Returns true if all of its replicas are ready and as desired, or if it is
    /// started by hand and was not. A component of zero replicas has to exist too.
    pub fn is_ready(&self) -> bool {
        let as_desired = match self.state {
            State::Failed => false,
            State::Absent => self.manual,
            _ => self.ready >= self.replicas,
        };
        as_desired && self.unapplied.is_none()
    }
}

/// The status of a whole target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// The scope.
    #[serde(flatten)]
    pub scope: Scope,
    /// Every component by name, including those that are no longer declared.
    pub components: BTreeMap<Name, ComponentStatus>,
    /// The reason why the last apply failed that concerns no component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unapplied: Option<String>,
    /// True if a command is changing the target, or was killed while it did.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// The objects that kcc made and no record lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unrecorded: Vec<LabelledObject>,
}

impl StatusReport {
    /// Returns true if all components are ready, the last apply is complete, and
    /// the record lists everything that kcc made.
    pub fn is_ready(&self) -> bool {
        self.components.values().all(ComponentStatus::is_ready)
            && self.unapplied.is_none()
            && !self.unfinished
            && self.unrecorded.is_empty()
    }
}
