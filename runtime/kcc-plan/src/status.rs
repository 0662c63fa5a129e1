//! [`StatusReport`]: the observed state of a target with what its record says about
//! it, in terms that hold for every engine.

use std::collections::BTreeMap;

use kcc_lower::Desired;
use kcc_model::Name;
use serde::Serialize;

use crate::{Address, LabelledObject, Scope, Unapplied};

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
    /// The reason if it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The reason why the last apply could not bring it to its desired state;
    /// the previous version may still run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unapplied: Option<String>,
    /// The addresses at which it is reachable from outside, such as `0.0.0.0:8080`.
    pub addresses: Vec<Address>,
    /// True if the cluster has yet to assign an address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub address_pending: bool,
    /// True if no apply starts it, but `kcc start` alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
}

impl ComponentStatus {
    /// Creates the status of a component outside the system, which has no readiness.
    pub fn external() -> Self {
        Self {
            team: None,
            state: State::External,
            ready: 0,
            replicas: 0,
            why: None,
            unapplied: None,
            addresses: Vec::new(),
            address_pending: false,
            manual: false,
        }
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
    /// Adds the records to what was observed.
    pub fn new(
        desired: &Desired,
        scope: Scope,
        mut components: BTreeMap<Name, ComponentStatus>,
        unapplied: &Unapplied,
        unfinished: bool,
        mut labelled: Vec<LabelledObject>,
    ) -> Self {
        labelled.retain(LabelledObject::is_recoverable);
        for (name, component) in &mut components {
            component.unapplied = unapplied.components.get(name).cloned();
            let declared = desired.components.get(name);
            component.manual = declared.is_some_and(|declared| declared.manual);
            if component.manual && component.state == State::Absent {
                let start = scope.command(&format!("start {name}"));
                component.why = Some(format!("started by hand: `{start}`"));
            }
        }
        Self {
            scope,
            components,
            unapplied: unapplied.target.clone(),
            unfinished,
            unrecorded: labelled,
        }
    }

    /// Returns true if all components are ready, the last apply is complete, and
    /// the record lists everything that kcc made.
    pub fn is_ready(&self) -> bool {
        self.components.values().all(ComponentStatus::is_ready)
            && self.unapplied.is_none()
            && !self.unfinished
            && self.unrecorded.is_empty()
    }
}
