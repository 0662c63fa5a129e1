//! Simulated worlds of several machines whose clocks differ by an hour, with a known truth:
//! who sent what to whom. The timeline may claim nothing that is not true, and has to know
//! nearly all of it, whatever the recorder missed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    Additions, Gap, Journal,
    tests::{Memory, keep, second},
};
use crate::{
    Scope, Who,
    revision::{Clocks, Entry, EntryKind, History, HistoryNow},
    timeline::{Identity, Link, Observation, Proof, Source, Timeline, join_operations, operation},
};

const API: &str = "API server";
const SCHEDULER: &str = "default-scheduler";
const NODES: [&str; 2] = ["node-1", "node-2"];
const ENGINE: &str = "docker";
const CLIENT: &str = "kcc of user@laptop";
const ALL: [&str; 6] = [API, SCHEDULER, NODES[0], NODES[1], ENGINE, CLIENT];

/// A source of numbers that depends on a seed alone.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A world in the order of its true time, which no machine knows.
struct World {
    random: Random,
    /// The true time in milliseconds.
    now: i64,
    /// The difference of each machine's clock from the true time, in seconds.
    skews: BTreeMap<&'static str, i64>,
    /// The observations in true order, which is each machine's order too.
    observations: Vec<Observation>,
    /// The messages between machines, as indices of observations.
    truth: BTreeSet<(usize, usize)>,
    entries: Vec<Entry>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let skews = ALL.map(|machine| {
            let skew = [-3600, 0, 3600, 17][usize::try_from(random.below(4)).unwrap()];
            (machine, skew)
        });
        Self {
            random,
            now: 10_000_000,
            skews: skews.into(),
            observations: Vec::new(),
            truth: BTreeSet::new(),
            entries: Vec::new(),
        }
    }

    fn clock(&self, machine: &str) -> Timestamp {
        let skew = SignedDuration::from_secs(self.skews[machine]);
        second(0) + SignedDuration::from_millis(self.now) + skew
    }

    /// Lets a machine observe something, after what was sent to it.
    fn observe(
        &mut self,
        machine: &'static str,
        (object, event): (&str, &str),
        causes: Vec<Link>,
        follows: Vec<Link>,
        after: &[usize],
    ) -> usize {
        self.now += 100 + i64::try_from(self.random.below(3000)).unwrap();
        let number = self.observations.len();
        let time = self.clock(machine);
        let observation = Observation {
            source: Source::Event,
            causes,
            follows,
            sequence: (machine == ENGINE).then(|| u64::try_from(number).unwrap()),
            ..Observation::new(machine, time, object.to_owned(), event.to_owned())
        };
        self.observations
            .push(observation.recurring(object, &format!("{event} {number}")));
        let sent = after.iter().copied();
        self.truth.extend(sent.map(|sent| (sent, number)));
        number
    }

    /// Applies some objects to the cluster, one of which waits for another, and in between
    /// works on the Docker engine.
    fn apply(&mut self, number: u64) {
        // Two applies are never in the same second of any clock.
        self.now += 5000;
        let started = [self.clock(CLIENT), self.clock(API)];
        let entry = |proof| Link::new(proof, &number.to_string());
        let revision = format!("revision {number}");
        let begun = self.observe(
            CLIENT,
            (&revision, "begun"),
            vec![entry(Proof::Entry)],
            Vec::new(),
            &[],
        );
        self.observe(
            API,
            (&revision, "stored"),
            Vec::new(),
            vec![entry(Proof::Entry)],
            &[begun],
        );
        for name in ["db", "web", "cart"] {
            let (ready, id) = self.deploy(number, name);
            let follows = vec![Link::new(Proof::Answer, &id)];
            let object = format!("component {name}");
            self.observe(CLIENT, (&object, "ready"), Vec::new(), follows, &[ready]);
        }
        let ended = [self.clock(CLIENT), self.clock(API)];
        let clocks = |[client, engine]: [Timestamp; 2]| Clocks { client, engine };
        self.entries.push(Entry {
            number,
            kind: EntryKind::Removed {},
            started: clocks(started),
            ended: Some(clocks(ended)),
            who: Who {
                user: Some("user".to_owned()),
                host: Some("laptop".to_owned()),
                job: None,
            },
            message: None,
            result: None,
        });
        self.now += 5000;
    }

    /// Changes one object; returns the observation of its readiness.
    fn deploy(&mut self, number: u64, name: &str) -> (usize, String) {
        let object = format!("Deployment {name}");
        let link = |proof| vec![operation(proof, "Deployment", name)];
        let begun = self.observe(
            CLIENT,
            (&object, "update begun"),
            link(Proof::Operation),
            Vec::new(),
            &[],
        );
        let written = Observation {
            causes: link(Proof::Answer),
            follows: link(Proof::Operation),
            ..Observation::new(API, second(0), String::new(), String::new())
        };
        let api = self.observe(
            API,
            (&object, "changed"),
            written.causes,
            written.follows,
            &[begun],
        );
        self.observe(
            CLIENT,
            (&object, "update done"),
            Vec::new(),
            link(Proof::Answer),
            &[api],
        );
        self.noise();
        let pod = format!("Pod {name}-{number}");
        let uid = format!("{name}-{number}");
        let identity = || Link::new(Proof::Identity, &uid);
        let assignment = || Link::new(Proof::Assignment, &uid);
        let created = self.observe(API, (&pod, "created"), vec![identity()], Vec::new(), &[]);
        let assigned = self.observe(
            SCHEDULER,
            (&pod, "assigned"),
            vec![assignment()],
            vec![identity()],
            &[created],
        );
        let node = NODES[usize::try_from(self.random.below(2)).unwrap()];
        let on_node = || vec![assignment(), identity()];
        self.observe(node, (&pod, "accepted"), Vec::new(), on_node(), &[assigned]);
        self.noise();
        self.observe(node, (&pod, "started"), Vec::new(), on_node(), &[]);
        let id = format!("{uid} ready since then");
        let answer = vec![Link::new(Proof::Answer, &id)];
        let ready = self.observe(node, (&pod, "ready"), answer, on_node(), &[]);
        (ready, id)
    }

    /// Lets machines observe things that concern no other machine, or of which nobody knows
    /// that they do.
    fn noise(&mut self) {
        for _ in 0..self.random.below(3) {
            let machine = ALL[usize::try_from(self.random.below(5)).unwrap()];
            self.observe(
                machine,
                ("container other", "restarted"),
                Vec::new(),
                Vec::new(),
                &[],
            );
        }
        if self.random.below(20) == 0 {
            let sent = self.observe(
                NODES[0],
                ("container a", "calls"),
                Vec::new(),
                Vec::new(),
                &[],
            );
            self.observe(
                NODES[1],
                ("container b", "called"),
                Vec::new(),
                Vec::new(),
                &[sent],
            );
        }
        if self.random.below(10) == 0 {
            // The clock of one machine is set; its sequence goes on.
            let skew = [-3600, 3600][usize::try_from(self.random.below(2)).unwrap()];
            self.skews.insert(ENGINE, skew);
        }
    }

    fn history(&self) -> HistoryNow {
        let mut history = History::default();
        history.entries.clone_from(&self.entries);
        HistoryNow {
            history,
            runs: false,
            now: self.clock(API),
        }
    }
}

/// The number that an observation had in its world, which its identity ends with.
fn number(Identity { name, .. }: &Identity) -> usize {
    name.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Records a world as a recorder does that is killed now and then and begins again with what
/// it has seen before, while a partition keeps a machine from it.
async fn record(world: &World, random: &mut Random, is_lost: &dyn Fn(usize) -> bool) -> Journal {
    let store = Memory::new(1 << 20);
    let history = world.history();
    let mut at = 0;
    while at < world.observations.len() {
        let again = at.saturating_sub(usize::try_from(random.below(20)).unwrap());
        let until = at + 1 + usize::try_from(random.below(30)).unwrap();
        let until = until.min(world.observations.len());
        let numbers = (again..until).filter(|number| !is_lost(*number));
        let mut observations: Vec<_> = numbers
            .map(|number| world.observations[number].clone())
            .collect();
        // Of different machines it hears in any order.
        observations.sort_by_key(|one| (random.0 ^ one.machine.len() as u64, one.machine.clone()));
        join_operations(&mut observations, &history);
        // A kill in the middle of a write leaves nothing, and one after it has written.
        if random.below(4) > 0 {
            let kept = Additions {
                observations,
                ..Additions::default()
            };
            let journal = Journal::read(&store).await.unwrap();
            keep(&store, &journal, kept, history.now).await;
            at = until;
        }
    }
    let machine = world.observations.iter().enumerate();
    let lost = machine
        .filter(|(number, _)| is_lost(*number))
        .map(|(_, one)| one);
    let times: Vec<_> = lost.clone().map(|one| one.time).collect();
    if let Some(first) = lost.clone().next() {
        let kept = Additions {
            gaps: vec![Gap {
                machine: first.machine.clone(),
                from: times.iter().min().copied(),
                to: times.iter().max().copied(),
                why: "the connection was lost".to_owned(),
            }],
            ..Additions::default()
        };
        let journal = Journal::read(&store).await.unwrap();
        keep(&store, &journal, kept, history.now).await;
    }
    Journal::read(&store).await.unwrap()
}

fn timeline(journal: &Journal) -> Timeline {
    let scope = Scope {
        system: "shop".to_owned(),
        target: "prod".to_owned(),
        instance: None,
    };
    let gaps = journal.gaps().collect();
    Timeline::with_gaps(scope, second(0), journal.joined(Vec::new()), gaps)
}

/// The numbers of the observations of each machine.
type Lanes = BTreeMap<String, Vec<usize>>;
/// The numbers of the two observations of each arrow.
type Arrows = BTreeSet<(usize, usize)>;

/// Returns the numbers of the observations of each lane, and of the arrows.
fn numbers(timeline: &Timeline) -> (Lanes, Arrows) {
    let lanes = timeline.lanes.iter().map(|lane| {
        let own = lane.observations.iter();
        let numbers = own.map(|one| number(&one.identity)).collect();
        (lane.machine.clone(), numbers)
    });
    let arrows = timeline.arrows.iter().map(|arrow| {
        let at = |place: crate::timeline::Place| {
            let lane = &timeline.lanes[place.lane];
            number(&lane.observations[place.observation].identity)
        };
        (at(arrow.from), at(arrow.to))
    });
    (lanes.collect(), arrows.collect())
}

#[tokio::test]
async fn every_arrow_is_true_and_nearly_all_are_known() {
    let (mut known, mut all) = (0, 0);
    for seed in 0..40 {
        let mut world = World::new(seed);
        for number in 1..=3 {
            world.apply(number);
        }
        let mut random = Random(seed ^ 0x5eed);
        let count = world.observations.len();
        let begin = usize::try_from(random.below(u64::try_from(count).unwrap())).unwrap();
        let cut = NODES[usize::try_from(random.below(2)).unwrap()];
        let partition = begin..begin + 25;
        let has_partition = seed % 3 == 0;
        let is_lost = |number: usize| {
            has_partition
                && partition.contains(&number)
                && world.observations[number].machine == cut
        };
        let journal = record(&world, &mut random, &is_lost).await;
        let shown = timeline(&journal);
        let (lanes, arrows) = numbers(&shown);
        // Each machine's own order, whatever its clock and the recorder did.
        for machine in ALL {
            let own = world.observations.iter().enumerate();
            let own = own.filter(|(number, one)| one.machine == machine && !is_lost(*number));
            let expected: Vec<_> = own.map(|(number, _)| number).collect();
            let shown = lanes.get(machine).cloned().unwrap_or_default();
            assert_eq!(shown, expected, "seed {seed}, {machine}");
        }
        let false_arrows: Vec<_> = arrows.difference(&world.truth).collect();
        // An effect whose closest cause was lost may follow a cause of that one, and one whose
        // own message was lost may be a later effect: both are still true.
        for (from, to) in false_arrows {
            assert!(has_partition, "seed {seed}: {from} → {to}");
            assert!(
                happens_before(&world, *from, *to),
                "seed {seed}: {from} → {to}"
            );
        }
        let gaps = shown.lanes.iter().filter(|lane| !lane.gaps.is_empty());
        let lost = (0..count).any(is_lost);
        assert_eq!(gaps.count(), usize::from(lost), "seed {seed}");
        let observed = world.truth.iter();
        let observed = observed.filter(|(from, to)| !is_lost(*from) && !is_lost(*to));
        for pair in observed {
            all += 1;
            known += usize::from(arrows.contains(pair));
        }
        // Another recorder of the same world shows the same.
        let other = record(&world, &mut random, &is_lost).await;
        assert_eq!(numbers(&timeline(&other)), (lanes, arrows), "seed {seed}");
    }
    assert!(known * 10 >= all * 9, "{known} of {all} arrows are known");
}

/// Returns true if there is a way from one observation to another along machines and messages.
fn happens_before(world: &World, from: usize, to: usize) -> bool {
    let mut reached = BTreeSet::from([from]);
    for number in from + 1..=to {
        let machine = &world.observations[number].machine;
        let mut before = (from..number).filter(|before| reached.contains(before));
        let follows = before.any(|before| {
            world.observations[before].machine == *machine
                || world.truth.contains(&(before, number))
        });
        if follows {
            reached.insert(number);
        }
    }
    reached.contains(&to)
}
