//! [`Plan`]: operations in an order in which they can be performed, and the
//! components whose readiness ends the apply.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Name, Until};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{EngineName, Finding, Operation, Scope};

/// What an apply would do. `W` is what the engine needs to perform a step;
/// command lines see plans without it.
///
/// Serialised, it is the documented JSON of `kcc plan --format json`.
#[derive(Debug, Clone)]
pub struct Plan<W = ()> {
    /// Of what.
    pub scope: Scope,
    /// The engine.
    pub engine: EngineName,
    /// The steps; each stands after those that it comes after.
    pub steps: Vec<Step<W>>,
    /// What is not as desired and no step changes.
    pub findings: Vec<Finding>,
    /// The components that are awaited, by name.
    pub components: BTreeMap<Name, PlannedComponent>,
    /// The number of objects that are as they should be.
    pub unchanged: usize,
}

/// An operation with what the engine needs to perform it.
#[derive(Debug, Clone)]
pub struct Step<W> {
    /// What users see.
    pub operation: Operation,
    /// What has to be true of components first, besides `operation.after`.
    pub waits: BTreeSet<Wait>,
    /// What the engine needs.
    pub work: W,
}

/// A component, or one object of it, that has to be in a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// The component.
    pub component: Name,
    /// The object that is meant, by its name; none means the component.
    pub object: Option<String>,
    /// The state.
    pub until: Until,
    /// That it never will be is as good: it is over.
    pub over: bool,
}

impl Wait {
    /// The name of what is awaited.
    pub fn name(&self) -> &str {
        self.object.as_deref().unwrap_or(&self.component)
    }
}

/// A component as the executor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedComponent {
    /// The team that owns it; unknown for what no fragment has any more.
    pub team: Option<Name>,
    /// What it has to reach before the apply is complete; none for a component
    /// that is removed.
    pub ready: Option<Until>,
    /// How long that may take once its operations are done, in milliseconds.
    pub deadline_ms: u64,
}

impl<W> Plan<W> {
    /// Whether no operation is planned. There may still be findings.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether everything is as desired and ready, as far as the plan looked:
    /// no operation and no finding but of values that are left to others.
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && !self.findings.iter().any(|found| found.finding.is_open())
    }

    /// The operations in order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.steps.iter().map(|step| &step.operation)
    }

    /// The plan as the command line sees it.
    pub fn without_work(self) -> Plan {
        let bare = |step: Step<W>| Step {
            operation: step.operation,
            waits: step.waits,
            work: (),
        };
        Plan {
            scope: self.scope,
            engine: self.engine,
            steps: self.steps.into_iter().map(bare).collect(),
            findings: self.findings,
            components: self.components,
            unchanged: self.unchanged,
        }
    }
}

impl<W> Serialize for Plan<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let operations: Vec<_> = self.operations().collect();
        let mut out = serializer.serialize_struct("Plan", 3)?;
        out.serialize_field("target", &self.scope.target)?;
        out.serialize_field("operations", &operations)?;
        out.serialize_field("findings", &self.findings)?;
        out.end()
    }
}
