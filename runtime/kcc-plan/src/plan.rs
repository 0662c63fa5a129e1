//! [`Plan`]: steps in an order in which they can be performed, findings, and the
//! components whose readiness completes the apply.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Name, Until};
use kcc_tree::Engine;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{Finding, Fingerprint, Operation, Scope};

/// The changes an apply would make. `P` is the payload an engine needs to perform
/// a step; command lines see plans without it.
///
/// Serialises to the documented JSON of `kcc plan --format json`.
#[derive(Debug, Clone)]
pub struct Plan<P = Fingerprint> {
    /// The scope.
    pub scope: Scope,
    /// The engine.
    pub engine: Engine,
    /// The components that the plan is limited to; none if it is for all.
    pub only: Option<BTreeSet<Name>>,
    /// The components of the target that an instance uses instead of creating them.
    pub shared: BTreeSet<Name>,
    /// The steps; each follows its predecessors.
    pub steps: Vec<Step<P>>,
    /// The differences that no step changes.
    pub findings: Vec<Finding>,
    /// The components that the apply waits for, by name.
    pub components: BTreeMap<Name, PlannedComponent>,
    /// The number of objects that are already as desired.
    pub unchanged: usize,
}

/// An operation with its payload and its waits.
#[derive(Debug, Clone)]
pub struct Step<P> {
    /// The operation, as users see it.
    pub operation: Operation,
    /// The states that components must reach first, in addition to `operation.after`.
    pub waits: BTreeSet<Wait>,
    /// The data the engine needs to perform it.
    pub payload: P,
}

/// A state that a component, or one object of it, must reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// The component.
    pub component: Name,
    /// The object, by name; none for the whole component.
    pub object: Option<String>,
    /// The state.
    pub until: Until,
    /// True if failing for good also ends the wait successfully.
    pub or_failed: bool,
}

impl Wait {
    /// Returns the name of the object or component.
    pub fn name(&self) -> &str {
        self.object.as_deref().unwrap_or(&self.component)
    }
}

/// A component as the executor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedComponent {
    /// The owning team; none for a component that is no longer declared.
    pub team: Option<Name>,
    /// The state that completes the apply; none for a component that is removed.
    pub ready: Option<Until>,
    /// The time to reach that state after its operations are done, in milliseconds.
    pub deadline_ms: u64,
    /// True to wait until the deadline even if the state will not be reached without
    /// intervention.
    pub keep_waiting: bool,
    /// True if the last apply completed it and this one changes nothing of it. If it is
    /// not ready, that was so before.
    pub unaffected: bool,
}

impl<P> Plan<P> {
    /// Returns true if the plan has no operation. It may still have findings.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns true if everything that the plan is for is as desired and ready: there is no
    /// operation and no open finding.
    pub fn is_up_to_date(&self) -> bool {
        self.steps.is_empty() && !self.findings.iter().any(|found| found.finding.is_open())
    }

    /// Returns the operations in order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.steps.iter().map(|step| &step.operation)
    }

    /// Replaces the payloads by their hashes, as the command line sees the plan.
    pub fn without_payloads(self) -> Plan
    where
        P: Serialize,
    {
        let bare = |step: Step<P>| Step {
            operation: step.operation,
            waits: step.waits,
            payload: Fingerprint::of(&step.payload),
        };
        Plan {
            scope: self.scope,
            engine: self.engine,
            only: self.only,
            shared: self.shared,
            steps: self.steps.into_iter().map(bare).collect(),
            findings: self.findings,
            components: self.components,
            unchanged: self.unchanged,
        }
    }
}

impl<P> Serialize for Plan<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let operations: Vec<_> = self.operations().collect();
        let mut out = serializer.serialize_struct("Plan", 5)?;
        out.serialize_field("target", &self.scope.target)?;
        match &self.only {
            Some(only) => out.serialize_field("only", only)?,
            None => out.skip_field("only")?,
        }
        if self.shared.is_empty() {
            out.skip_field("shared")?;
        } else {
            out.serialize_field("shared", &self.shared)?;
        }
        out.serialize_field("operations", &operations)?;
        out.serialize_field("findings", &self.findings)?;
        out.end()
    }
}
