//! [`Capture`]: the answers of an engine at one moment, in the form of a capsule.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kcc_model::Name;
use kcc_plan::{
    DriftReport, FieldChange, LogLine, Scope, StatusReport,
    revision::{RecordedOutcome, Revision},
    timeline::Timeline,
};
use kcc_tree::Engine;
use serde::{Deserialize, Serialize};

use crate::{Symptom, Waiting};

/// The version of the format. A kcc reads this one and refuses later ones.
pub const FORMAT: u32 = 1;

/// The most events and log lines of each component that a capsule keeps.
const MOST_EVENTS: usize = 200;

/// One failure in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Capsule {
    /// The state at one moment, and the failures.
    pub capture: Capture,
    /// The revision that was in force.
    pub revision: Revision,
    /// The first digits of the capsule's digest.
    pub id: String,
}

/// The state at one moment, as far as it differs from the revision, and the failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// The version of the format.
    pub(crate) format: u32,
    /// kcc's version.
    pub kcc: String,
    /// The scope.
    pub scope: Scope,
    /// The engine that it ran on.
    pub engine: Engine,
    /// The number of the revision.
    pub revision: u64,
    /// The moment, by the engine's clock.
    pub at: Timestamp,
    /// The failures, those first that others wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symptoms: Vec<Symptom>,
    /// The components that only waited for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// The state of each component; empty if the revision was not in force any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<Name, ComponentState>,
    /// The differences between what ran and the revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<LiveChange>,
    /// The identities of the images that ran, by reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, BTreeSet<String>>,
    /// The last events of each machine, in its own order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// The last lines of the logs of components that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LoggedLine>,
    /// The facts that are not in it, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The state of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentState {
    /// The state, such as `running`.
    pub state: String,
    /// The number of ready replicas.
    pub ready: u32,
    /// The desired number of replicas.
    pub replicas: u32,
}

/// A difference between an object that ran and the same object in the revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveChange {
    /// The kind of difference, such as `edited`.
    pub verdict: String,
    /// The kind of the object.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The component that it belongs to; none for shared objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The field with both values; none for the whole object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<FieldChange>,
    /// The difference in a few words, if the values do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Something that a machine observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The machine.
    pub machine: String,
    /// The time by the machine's own clock.
    pub time: Timestamp,
    /// The component, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The object.
    pub object: String,
    /// The event in a few words.
    pub event: String,
    /// The number of times it was observed.
    pub count: u32,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedLine {
    /// The component.
    pub component: Name,
    /// The container.
    pub container: String,
    /// The machine that it ran on.
    pub machine: String,
    /// The time by the machine's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The line without its end.
    pub text: String,
}

/// The answers of a scope's engine at one moment. Whatever was not asked, or not
/// answered, is none, and why not is in `left_out`.
#[derive(Debug, Default)]
pub struct Observed {
    /// The state of each component.
    pub status: Option<StatusReport>,
    /// The differences from the revision.
    pub drift: Option<DriftReport>,
    /// The events.
    pub timeline: Option<Timeline>,
    /// The lines of logs, with secrets redacted.
    pub logs: Vec<LogLine>,
    /// The identities of the images that ran, by reference.
    pub images: BTreeMap<String, BTreeSet<String>>,
    /// The unknown facts, each with the reason.
    pub left_out: Vec<String>,
}

impl Capture {
    /// Joins what an engine said with the outcome of the revision's apply. `at` is the
    /// moment, if the engine did not tell.
    pub fn new(
        revision: &Revision,
        outcome: Option<&RecordedOutcome>,
        at: Timestamp,
        observed: Observed,
    ) -> Self {
        let Observed {
            status,
            drift,
            timeline,
            logs,
            mut images,
            mut left_out,
        } = observed;
        let (mut symptoms, waiting) = status.as_ref().map(Symptom::all_of).unwrap_or_default();
        if status.is_none()
            && let Some(outcome) = outcome
        {
            symptoms = outcome.failures.iter().map(Symptom::of_apply).collect();
        }
        for (reference, ids) in outcome.iter().flat_map(|outcome| &outcome.images) {
            if !images.contains_key(reference) {
                images.insert(reference.clone(), ids.clone());
            }
        }
        let components = status.iter().flat_map(|status| &status.components);
        let components = components.map(|(name, status)| {
            let state = ComponentState {
                state: status.state.as_str().to_owned(),
                ready: status.ready,
                replicas: status.replicas,
            };
            (name.clone(), state)
        });
        let mut changes = Vec::new();
        for found in drift.iter().flat_map(|drift| &drift.deviations) {
            if found.change.as_ref().is_some_and(|one| one.live.is_none()) {
                let path = found.change.as_ref().map_or("", |change| &change.path);
                left_out.push(format!(
                    "the live value of `{path}` of {} `{}`: it may be a secret \
                     (`--edited-values` keeps those that are none)",
                    found.kind, found.name
                ));
            }
            changes.push(LiveChange {
                verdict: found.verdict.as_str().to_owned(),
                kind: found.kind.clone(),
                name: found.name.clone(),
                component: found.component.clone(),
                change: found.change.clone(),
                cause: found.cause.clone(),
            });
        }
        let lanes = timeline.iter().flat_map(|timeline| &timeline.lanes);
        let mut events = Vec::new();
        for lane in lanes {
            let old = lane.observations.len().saturating_sub(MOST_EVENTS);
            if old > 0 {
                left_out.push(format!("the first {old} events of {}", lane.machine));
            }
            events.extend(lane.observations[old..].iter().map(|one| Event {
                machine: lane.machine.clone(),
                time: one.time,
                component: one.component.clone(),
                object: one.object.clone(),
                event: one.event.clone(),
                count: one.count,
            }));
        }
        let logs = logs.into_iter().map(|line| LoggedLine {
            component: line.component,
            container: line.container,
            machine: line.machine,
            time: line.time,
            text: line.text,
        });
        Self {
            format: FORMAT,
            kcc: env!("CARGO_PKG_VERSION").to_owned(),
            scope: revision.manifest.scope.clone(),
            engine: revision.manifest.engine,
            revision: revision.manifest.number,
            at: drift.as_ref().map_or(at, |drift| drift.now),
            symptoms,
            waiting,
            components: components.collect(),
            changes,
            images,
            events,
            logs: logs.collect(),
            left_out,
        }
    }
}
