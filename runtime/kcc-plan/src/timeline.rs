//! [`Timeline`]: the events of a target in one lane per machine, each in the machine's
//! own order, and the arrows between lanes that are proved.
//!
//! The clocks of two machines say nothing about each other, so they never order events
//! of different lanes. An arrow exists only where an effect names its cause: a pod is
//! assigned to a node by its identity, for example, and no node starts it before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::{
    Scope,
    revision::{Entry, EntryKind, HistoryNow},
};

/// Something that a machine observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The machine, and a part of it that has a clock of its own as far as one knows.
    #[serde(skip)]
    pub machine: String,
    /// The time by the machine's own clock.
    pub time: Timestamp,
    /// The position in the machine's own sequence, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The component, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The object, such as `Pod web-1`.
    pub object: String,
    /// The event in a few words, such as `ended with exit code 1`.
    pub event: String,
    /// The number of times it was observed, the last at `time`.
    pub count: u32,
    /// The place where it was found.
    pub source: Source,
    /// The revision in force when it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// True if only the journal has it: the engine does not hold it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub journaled: bool,
    /// The identity by which it is known when it is read a second time.
    #[serde(skip)]
    pub identity: Identity,
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
            sequence: None,
            component: None,
            object,
            event,
            count: 1,
            source: Source::State,
            revision: None,
            journaled: false,
            identity: Identity::default(),
            causes: Vec::new(),
            follows: Vec::new(),
        }
    }

    /// Returns the observation with an identity that no other one has.
    #[must_use]
    pub fn once(self, of: &str, event: &str) -> Self {
        self.identified(of, event, false)
    }

    /// Returns the observation with an identity that it shares with those of other times.
    #[must_use]
    pub fn recurring(self, of: &str, event: &str) -> Self {
        self.identified(of, event, true)
    }

    fn identified(mut self, of: &str, event: &str, recurs: bool) -> Self {
        self.identity = Identity {
            name: format!("{of} {event}"),
            recurs,
        };
        self
    }
}

/// The identity of an observation on its machine, in the engine's own terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The identity of the object and the kind of event; empty if there is none.
    pub name: String,
    /// True if the same may happen several times, and the time tells which one it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recurs: bool,
}

/// The place where an observation was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The state of an object that still exists.
    State,
    /// An event that the engine keeps for a while.
    Event,
    /// The record of kcc.
    Record,
    /// A log that a user imported.
    Imported,
    /// A stream that `kcc record` watched.
    Recorded,
}

/// A time in which nobody can tell what a machine observed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The machine.
    #[serde(skip)]
    pub machine: String,
    /// The beginning by the machine's own clock; none if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The end by the machine's own clock; none if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The reason.
    pub why: String,
}

/// A fact that one machine makes and others act on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// The cause gave the object its identity, which the effect uses.
    Identity,
    /// The cause assigned the pod to the machine that ran it.
    Assignment,
    /// The engine stored the entry of the history that kcc wrote.
    Entry,
    /// The engine made the change that kcc asked for.
    Operation,
    /// kcc got the answer to its request, or read what the machine reported.
    Answer,
}

impl Proof {
    /// Describes it to people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Identity => "the object has its identity from there",
            Self::Assignment => "the pod was assigned to this node there",
            Self::Entry => "the entry of the history was written there",
            Self::Operation => "the change was requested there",
            Self::Answer => "the answer came from there",
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
    /// The times in which nobody can tell what the machine observed, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// An entry of a lane.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// The observation with this index.
    Observation(usize, &'a Observation),
    /// A gap.
    Gap(&'a Gap),
}

impl Lane {
    /// Returns the observations and the gaps between them, in order.
    pub fn items(&self) -> Vec<Item<'_>> {
        let mut gaps = self.gaps.iter().peekable();
        let mut items = Vec::new();
        for (number, observation) in self.observations.iter().enumerate() {
            // What was observed last is at the beginning of a gap, not in it.
            let is_before = |gap: &&Gap| match gap.from {
                Some(from) => from < observation.time,
                None => gap.to.is_none_or(|to| to < observation.time),
            };
            items.extend(std::iter::from_fn(|| gaps.next_if(is_before)).map(Item::Gap));
            items.push(Item::Observation(number, observation));
        }
        items.extend(gaps.map(Item::Gap));
        items
    }
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

/// The sources of a timeline besides the engine and the record.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The logs to import, as texts.
    pub imports: Vec<String>,
    /// The observations of this machine during the apply before.
    pub observed: Vec<Observation>,
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
        Self::with_gaps(scope, now, observations, Vec::new())
    }

    /// Does the same, and notes the gaps.
    pub fn with_gaps(
        scope: Scope,
        now: Timestamp,
        observations: Vec<Observation>,
        gaps: Vec<Gap>,
    ) -> Self {
        let mut machines: BTreeMap<String, (Vec<Observation>, Vec<Gap>)> = BTreeMap::new();
        for observation in observations {
            let lane = machines.entry(observation.machine.clone()).or_default();
            lane.0.push(observation);
        }
        for gap in gaps {
            let lane = machines.entry(gap.machine.clone()).or_default();
            lane.1.push(gap);
        }
        let lanes: Vec<_> = machines
            .into_iter()
            .map(|(machine, (observations, mut gaps))| {
                // One gap that was noticed several times goes to the last end.
                gaps.sort();
                gaps.dedup_by(|later, gap| {
                    let is_one = (later.from, &later.why) == (gap.from, &gap.why);
                    if is_one {
                        gap.to = later.to;
                    }
                    is_one
                });
                Lane {
                    machine,
                    observations: ordered(observations),
                    gaps,
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

    /// Returns the timeline of those observations alone that `keep` accepts, and of the
    /// gaps that `keep_gap` accepts.
    #[must_use]
    pub fn filtered(
        self,
        keep: impl Fn(&Observation) -> bool,
        keep_gap: impl Fn(&Gap) -> bool,
    ) -> Self {
        let (mut observations, mut gaps) = (Vec::new(), Vec::new());
        for lane in self.lanes {
            let own = lane.observations.into_iter();
            observations.extend(own.filter(|observation| keep(observation)));
            gaps.extend(lane.gaps.into_iter().filter(|gap| keep_gap(gap)));
        }
        Self::with_gaps(self.scope, self.now, observations, gaps)
    }
}

/// Orders the observations of one machine by its sequence, and where it has none by its
/// clock. A clock that was set back does not move what the sequence puts later.
fn ordered(mut observations: Vec<Observation>) -> Vec<Observation> {
    observations.sort_by_key(|observation| (observation.sequence, observation.time));
    let mut latest = Timestamp::MIN;
    let mut timed: Vec<_> = observations
        .into_iter()
        .map(|observation| {
            if observation.sequence.is_none() {
                return (observation.time, observation);
            }
            latest = latest.max(observation.time);
            (latest, observation)
        })
        .collect();
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, one)| one).collect()
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
        // An object has its identity from where it was assigned, too.
        let mut is_placed = false;
        for link in &observation.follows {
            let places = matches!(link.proof, Proof::Assignment | Proof::Identity);
            let Some(from) = causes.get(link).copied().filter(|_| !(places && is_placed)) else {
                continue;
            };
            is_placed |= places;
            if from.lane != to.lane {
                let proof = link.proof;
                let arrow = Arrow { from, to, proof };
                first.entry((from, to.lane)).or_insert(arrow);
            }
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
        let client = format!("{CLIENT}{client}");
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

/// The beginning of the names of lanes of machines that apply.
pub(crate) const CLIENT: &str = "kcc of ";

/// Returns the fact that an apply works on an object. [`join_operations`] finds out which
/// apply it was.
pub fn operation(proof: Proof, kind: &str, name: &str) -> Link {
    Link::new(proof, &format!("{kind}/{name}"))
}

/// Joins operations of kcc with the changes of the engine, each of which names the object
/// only. An apply holds the lock, so a change of kcc's between its start and its end is its
/// own; both are compared by one clock: that of the machine that observed the change. What
/// belongs to no apply or to two, or is there several times, is joined with nothing.
pub fn join_operations(observations: &mut [Observation], history: &HistoryNow) {
    let of_operations =
        |link: &Link| matches!(link.proof, Proof::Operation) || is_unresolved_answer(link);
    let mut uses: BTreeMap<(bool, Link), usize> = BTreeMap::new();
    for observation in observations.iter_mut() {
        let number = entry_of(observation, history);
        for links in [&mut observation.causes, &mut observation.follows] {
            links.retain(|link| number.is_some() || !of_operations(link));
            for link in links.iter_mut().filter(|link| of_operations(link)) {
                link.id = format!("{} {}", number.unwrap_or_default(), link.id);
            }
        }
        let causes = observation.causes.iter().map(|link| (true, link));
        let follows = observation.follows.iter().map(|link| (false, link));
        for (is_cause, link) in causes.chain(follows) {
            *uses.entry((is_cause, link.clone())).or_default() += 1;
        }
    }
    for observation in observations {
        for (is_cause, links) in [
            (true, &mut observation.causes),
            (false, &mut observation.follows),
        ] {
            links.retain(|link| {
                let is_own = matches!(link.proof, Proof::Operation | Proof::Answer);
                !is_own
                    || !is_cause && link.proof == Proof::Answer
                    || uses.get(&(is_cause, link.clone())) == Some(&1)
            });
        }
    }
}

/// Returns true for the answer to a request whose apply is yet to be found.
fn is_unresolved_answer(link: &Link) -> bool {
    link.proof == Proof::Answer && link.id.contains('/') && !link.id.contains(' ')
}

/// Returns the number of the only apply during which something was observed.
fn entry_of(observation: &Observation, history: &HistoryNow) -> Option<u64> {
    let second = observation.time.as_second();
    let mut entries = history.history.entries.iter().filter(|entry| {
        let Some(ended) = entry.ended else {
            return false;
        };
        let (from, to) = match observation.machine.strip_prefix(CLIENT) {
            Some(who) if who == entry.who.short() => (entry.started.client, ended.client),
            Some(_) => return false,
            None => (entry.started.engine, ended.engine),
        };
        // Some clocks tell full seconds only.
        (from.as_second()..=to.as_second()).contains(&second)
    });
    let only = entries.next()?;
    entries.next().is_none().then_some(only.number)
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
    fn a_gap_follows_what_was_observed_last() {
        let second = |second| Some(Timestamp::from_second(second).unwrap());
        let gap = |from, to| Gap {
            machine: "node-1".to_owned(),
            from: second(from),
            to: second(to),
            why: "lost".to_owned(),
        };
        let all = vec![
            at("node-1", 10, "a", "started"),
            at("node-1", 30, "a", "ended"),
        ];
        let gaps = vec![gap(10, 20), gap(10, 25), gap(40, 41)];
        let timeline = Timeline::with_gaps(scope(), Timestamp::UNIX_EPOCH, all, gaps);
        let items = timeline.lanes[0].items();
        let shown: Vec<_> = items
            .iter()
            .map(|item| match item {
                Item::Observation(number, _) => number.to_string(),
                Item::Gap(gap) => format!("until {}", gap.to.unwrap().as_second()),
            })
            .collect();
        assert_eq!(shown, ["0", "until 25", "1", "until 41"]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_change_the_sequence() {
        let next = |time, sequence| Observation {
            sequence: Some(sequence),
            ..at("docker", time, "a", &sequence.to_string())
        };
        let all = vec![
            next(3600, 1),
            next(5, 3),
            next(3602, 2),
            at("docker", 3601, "a", "-"),
        ];
        let timeline = Timeline::new(scope(), Timestamp::UNIX_EPOCH, all);
        let own = timeline.lanes[0].observations.iter();
        let events: Vec<_> = own.map(|one| one.event.as_str()).collect();
        assert_eq!(events, ["1", "-", "2", "3"]);
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
