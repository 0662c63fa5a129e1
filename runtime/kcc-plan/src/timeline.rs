//! [`Timeline`]: the events of a target in one lane per machine, each in the machine's
//! own order, and the arrows between lanes that are proved.
//!
//! The clocks of two machines say nothing about each other, so they never order events
//! of different lanes. An arrow exists only where an effect names its cause: a pod is
//! assigned to a node by its identity, for example, and no node starts it before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kcc_model::Name;
use serde::Serialize;

use crate::{
    Scope,
    revision::{Entry, EntryKind, HistoryNow},
};

/// Something that a machine observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The machine, and a part of it that has a clock of its own as far as one knows.
    #[serde(skip)]
    pub machine: String,
    /// The time by the machine's own clock.
    pub time: Timestamp,
    /// The component, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The object, such as `Pod web-1`.
    pub object: String,
    /// The event in a few words, such as `ended with exit code 1`.
    pub event: String,
    /// The number of times it was observed, the last at `time`.
    pub count: u32,
    /// The place where it was found.
    pub source: Source,
    /// The facts that it is the cause of.
    #[serde(skip)]
    pub causes: Vec<Link>,
    /// The facts that it is an effect of, the closest first.
    #[serde(skip)]
    pub follows: Vec<Link>,
}

impl Observation {
    /// Creates an observation of the state of an object, which no other one leads to.
    pub fn new(machine: &str, time: Timestamp, object: String, event: String) -> Self {
        Self {
            machine: machine.to_owned(),
            time,
            component: None,
            object,
            event,
            count: 1,
            source: Source::State,
            causes: Vec::new(),
            follows: Vec::new(),
        }
    }
}

/// The place where an observation was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The state of an object that still exists.
    State,
    /// An event that the engine keeps for a while.
    Event,
    /// The record of kcc.
    Record,
}

/// A fact that one machine makes and others act on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The proof that the effect comes after the cause.
    pub proof: Proof,
    /// The engine's identity of the object.
    pub id: String,
}

impl Link {
    /// Creates a link.
    pub fn new(proof: Proof, id: &str) -> Self {
        let id = id.to_owned();
        Self { proof, id }
    }
}

/// The proof that an effect comes after its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// The cause gave the object its identity, which the effect uses.
    Identity,
    /// The cause assigned the pod to the machine that ran it.
    Assignment,
    /// The engine stored the entry of the history that kcc wrote.
    Entry,
}

impl Proof {
    /// Describes it to people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Identity => "the object has its identity from there",
            Self::Assignment => "the pod was assigned to this node there",
            Self::Entry => "the entry of the history was written there",
        }
    }
}

/// The observations of one machine, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// The machine.
    pub machine: String,
    /// The observations, oldest first.
    pub observations: Vec<Observation>,
}

/// The place of an observation: the index of its lane, and its own in the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The index of the lane.
    pub lane: usize,
    /// The index in the lane.
    pub observation: usize,
}

/// A proved order between observations of two machines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Arrow {
    /// The cause.
    pub from: Place,
    /// The effect, the first on its machine.
    pub to: Place,
    /// The proof.
    pub proof: Proof,
}

/// The lanes of a target and the arrows between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The scope.
    #[serde(flatten)]
    pub scope: Scope,
    /// The time at which it was read, by the engine's clock.
    pub now: Timestamp,
    /// The lanes, sorted by machine.
    pub lanes: Vec<Lane>,
    /// The arrows, sorted by cause.
    pub arrows: Vec<Arrow>,
}

impl Timeline {
    /// Orders observations and joins effects with their causes. Observations of one
    /// machine with the same time stay in the order in which they are given.
    pub fn new(scope: Scope, now: Timestamp, observations: Vec<Observation>) -> Self {
        let mut machines: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
        for observation in observations {
            let lane = machines.entry(observation.machine.clone()).or_default();
            lane.push(observation);
        }
        let lanes: Vec<_> = machines
            .into_iter()
            .map(|(machine, mut observations)| {
                observations.sort_by_key(|observation| observation.time);
                Lane {
                    machine,
                    observations,
                }
            })
            .collect();
        let arrows = arrows(&lanes);
        Self {
            scope,
            now,
            lanes,
            arrows,
        }
    }

    /// Returns the timeline of those observations alone that `keep` accepts.
    #[must_use]
    pub fn filtered(self, keep: impl Fn(&Observation) -> bool) -> Self {
        let lanes = self.lanes.into_iter();
        let all = lanes.flat_map(|lane| lane.observations);
        let kept = all.filter(|observation| keep(observation)).collect();
        Self::new(self.scope, self.now, kept)
    }
}

/// Joins each fact's cause with its first effect on every other machine.
fn arrows(lanes: &[Lane]) -> Vec<Arrow> {
    let mut causes: BTreeMap<&Link, Place> = BTreeMap::new();
    for (place, observation) in places(lanes) {
        for link in &observation.causes {
            causes.entry(link).or_insert(place);
        }
    }
    let mut first: BTreeMap<(Place, usize), Arrow> = BTreeMap::new();
    for (to, observation) in places(lanes) {
        let known = observation.follows.iter();
        let found = known.filter_map(|link| Some((*causes.get(link)?, link.proof)));
        let Some((from, proof)) = found.into_iter().next() else {
            continue;
        };
        if from.lane != to.lane {
            let arrow = Arrow { from, to, proof };
            first.entry((from, to.lane)).or_insert(arrow);
        }
    }
    let mut arrows: Vec<_> = first.into_values().collect();
    arrows.sort();
    arrows
}

fn places(lanes: &[Lane]) -> impl Iterator<Item = (Place, &Observation)> {
    lanes.iter().enumerate().flat_map(|(lane, content)| {
        let observations = content.observations.iter().enumerate();
        observations.map(move |(observation, content)| (Place { lane, observation }, content))
    })
}

/// Returns the observations that a history holds: those of the machines that applied,
/// and those of `engine`, which stored the entries.
pub fn of_history(history: &HistoryNow, engine: &str) -> Vec<Observation> {
    let mut all = Vec::new();
    for entry in &history.history.entries {
        let (client, object) = (entry.who.short(), revision(entry));
        let observation = |machine: &str, time, event: String| Observation {
            source: Source::Record,
            ..Observation::new(machine, time, object.clone(), event)
        };
        let link = || vec![Link::new(Proof::Entry, &entry.number.to_string())];
        let client = format!("kcc of {client}");
        all.push(Observation {
            causes: link(),
            ..observation(&client, entry.started.client, "begun".to_owned())
        });
        let stored = observation(engine, entry.started.engine, "stored".to_owned());
        all.push(Observation {
            follows: link(),
            ..stored
        });
        if let Some(ended) = entry.ended {
            let state = history.state(entry).to_owned();
            all.push(observation(&client, ended.client, state));
        }
    }
    all
}

fn revision(entry: &Entry) -> String {
    match entry.kind {
        EntryKind::Revision { .. } => format!("revision {}", entry.number),
        EntryKind::Removed {} => format!("removal {}", entry.number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(machine: &str, second: i64, object: &str, event: &str) -> Observation {
        let time = Timestamp::from_second(second).unwrap();
        Observation::new(machine, time, object.to_owned(), event.to_owned())
    }

    fn scope() -> Scope {
        Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
        }
    }

    /// Two pods on two nodes, of which one clock is `skew` seconds off.
    fn observations(skew: i64) -> Vec<Observation> {
        let mut all = Vec::new();
        for (pod, node, skew) in [("a", "node-1", 0), ("b", "node-2", skew)] {
            let (identity, assignment) = (
                Link::new(Proof::Identity, pod),
                Link::new(Proof::Assignment, pod),
            );
            all.push(Observation {
                causes: vec![identity.clone()],
                ..at("api", 10, pod, "created")
            });
            all.push(Observation {
                causes: vec![assignment.clone()],
                follows: vec![identity.clone()],
                ..at("scheduler", 11, pod, "assigned")
            });
            for (second, event) in [(12, "started"), (20, "ended"), (21, "started")] {
                all.push(Observation {
                    follows: vec![assignment.clone(), identity.clone()],
                    ..at(node, second + skew, pod, event)
                });
            }
        }
        all
    }

    fn described(timeline: &Timeline) -> Vec<String> {
        let place = |place: Place| {
            let lane = &timeline.lanes[place.lane];
            let observation = &lane.observations[place.observation];
            let (object, event) = (&observation.object, &observation.event);
            format!("{} {object} {event}", lane.machine)
        };
        let arrows = timeline.arrows.iter();
        arrows
            .map(|arrow| format!("{} → {}", place(arrow.from), place(arrow.to)))
            .collect()
    }

    #[test]
    fn arrows_do_not_depend_on_clocks() {
        let expected = [
            "api a created → scheduler a assigned",
            "api b created → scheduler b assigned",
            "scheduler a assigned → node-1 a started",
            "scheduler b assigned → node-2 b started",
        ];
        for skew in [0, -3600, 3600] {
            let timeline = Timeline::new(scope(), Timestamp::UNIX_EPOCH, observations(skew));
            assert_eq!(described(&timeline), expected, "{skew}");
        }
    }

    #[test]
    fn without_a_cause_there_is_no_arrow() {
        let mut all = observations(0);
        all.retain(|observation| observation.machine != "api");
        all.retain(|observation| observation.object != "a" || observation.machine != "scheduler");
        let timeline = Timeline::new(scope(), Timestamp::UNIX_EPOCH, all);
        assert_eq!(
            described(&timeline),
            ["scheduler b assigned → node-2 b started"]
        );
    }

    #[test]
    fn the_order_of_the_input_does_not_matter_between_machines() {
        let mut reversed = observations(5);
        reversed.reverse();
        let one = Timeline::new(scope(), Timestamp::UNIX_EPOCH, observations(5));
        let other = Timeline::new(scope(), Timestamp::UNIX_EPOCH, reversed);
        assert_eq!(one.arrows.len(), other.arrows.len());
        let machines = |timeline: &Timeline| {
            let lanes = timeline.lanes.iter();
            lanes.map(|lane| lane.machine.clone()).collect::<Vec<_>>()
        };
        assert_eq!(machines(&one), machines(&other));
    }
}
