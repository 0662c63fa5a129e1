//! [`PlanFile`]: a plan that was shown, to be applied as it was shown or not at all.
//!
//! The file holds no calls to replay. An apply plans again under its lock, and performs
//! its own plan if that is the plan of the file: the same desired state, and the same
//! operations with the same payloads. A payload has the identity of the object that it
//! changes and all that is sent, and an operation the values that it changes, so equal
//! operations rest on equal observations. Anything else, such as the state of a pod,
//! may change meanwhile. A payload is in the file as a hash: it is long, and belongs to
//! the engine's crate.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::{Desired, content_hash};
use kcc_model::Name;
use kcc_tree::Engine;
use serde::{Deserialize, Serialize};

use crate::{Action, Choices, Error, FieldChange, Fingerprint, Operation, Plan, Request, Scope};

/// The version of the format. A file of another version is refused.
const VERSION: u32 = 1;

/// A plan that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanFile {
    version: u32,
    /// The scope.
    pub scope: Scope,
    engine: Engine,
    /// The components that the plan is limited to; none if it is not.
    only: Option<BTreeSet<Name>>,
    /// The components of the target that an instance uses instead of creating them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shared: BTreeSet<Name>,
    /// The options that it was made with.
    #[serde(flatten)]
    choices: Choices,
    /// The hash of the desired state.
    desired: String,
    operations: Vec<PlannedOperation>,
}

/// An operation with what it would send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlannedOperation {
    #[serde(flatten)]
    operation: Operation,
    payload: Fingerprint,
}

impl PlannedOperation {
    fn of<P: Serialize>(operation: &Operation, payload: &P) -> Self {
        Self {
            operation: operation.clone(),
            payload: Fingerprint::of(payload),
        }
    }

    fn key(&self) -> (Action, &str, &str) {
        let operation = &self.operation;
        (operation.action, &operation.kind, &operation.name)
    }

    /// Returns what has to be the same when the operation is performed. Its number and
    /// order depend on the others.
    fn content(&self) -> (&str, &[FieldChange], bool, &Fingerprint) {
        let Operation {
            cause,
            changes,
            destroys_data,
            ..
        } = &self.operation;
        (cause, changes, *destroys_data, &self.payload)
    }

    fn describe(&self) -> String {
        let (action, kind, name) = self.key();
        format!("{} {kind} `{name}`", action.as_str())
    }
}

impl PlanFile {
    /// Creates the file of a plan that was made with these options.
    pub fn new(plan: &Plan<Fingerprint>, desired: &Desired, choices: Choices) -> Self {
        let steps = plan.steps.iter();
        let operations = steps.map(|step| PlannedOperation {
            operation: step.operation.clone(),
            payload: step.payload.clone(),
        });
        Self {
            version: VERSION,
            scope: plan.scope.clone(),
            engine: plan.engine,
            only: plan.only.clone(),
            shared: plan.shared.clone(),
            choices,
            desired: content_hash(desired),
            operations: operations.collect(),
        }
    }

    /// Reads a file; the error is one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if head.version != VERSION {
            return Err(format!(
                "it has version {} of the format, expected {VERSION}",
                head.version
            ));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Formats the file.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("strings and numbers serialise to JSON") + "\n"
    }

    /// Returns the work that the plan was made for.
    pub fn request(&self) -> Request {
        self.only.clone().map_or(Request::Apply, Request::Only)
    }

    /// Returns the options that it was made with.
    pub fn choices(&self) -> &Choices {
        &self.choices
    }

    /// Fails unless a desired state is the file's.
    pub fn check_desired(&self, desired: &Desired) -> Result<(), Error> {
        if content_hash(desired) == self.desired {
            return Ok(());
        }
        Err(self.stale("the desired state has changed since it was made"))
    }

    /// Fails unless a plan has the operations of the file, without those that are done
    /// already.
    pub(crate) fn check<P: Serialize>(
        &self,
        plan: &Plan<P>,
        is_done: impl Fn(&Operation) -> bool,
    ) -> Result<(), Error> {
        let steps = plan.steps.iter();
        let actual = steps.map(|step| PlannedOperation::of(&step.operation, &step.payload));
        let actual: Vec<_> = actual.collect();
        let expected = self.operations.iter();
        let expected = expected.filter(|planned| !is_done(&planned.operation));
        let differences = differences(expected, &actual);
        let Some((first, others)) = differences.split_first() else {
            return Ok(());
        };
        let more = match others.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let target = &self.scope.target;
        Err(self.stale(&format!(
            "`{target}` has changed since it was made: {first}{more}"
        )))
    }

    fn stale(&self, why: &str) -> Error {
        let command = self.scope.command("plan");
        Error::new(
            Code::ApplyStalePlan,
            format!("the plan is out of date: {why}"),
        )
        .help(format!("make a new one: `{command} -o FILE`"))
    }
}

/// Describes the differences between the operations of a file and those needed now.
fn differences<'a>(
    expected: impl Iterator<Item = &'a PlannedOperation>,
    actual: &[PlannedOperation],
) -> Vec<String> {
    let mut actual: BTreeMap<_, _> = actual.iter().map(|one| (one.key(), one)).collect();
    let mut differences = Vec::new();
    for planned in expected {
        match actual.remove(&planned.key()) {
            None => differences.push(format!("{} is no longer needed", planned.describe())),
            Some(now) if now.content() != planned.content() => {
                differences.push(format!("{} would do something else", planned.describe()));
            }
            Some(_) => {}
        }
    }
    let added = actual.into_values();
    differences
        .extend(added.map(|one| format!("{} is needed: {}", one.describe(), one.operation.cause)));
    differences
}
