//! [`Journal`]: the observations of a scope that outlive what the engine still holds.
//!
//! It consists of *segments*: immutable blobs of JSON lines that every command may add,
//! with or without the lock, because nothing refers to them and their order does not
//! matter. What is the same observation follows from its identity, so two commands that
//! keep the same one do no harm. Segments live beside the blobs of the record, under names
//! of their own: an earlier kcc neither sees nor removes them, and the head does not
//! change when something is kept. They go with the record.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use jiff::{SignedDuration, Timestamp};
use kcc_lock::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    Blob, Error, Record, Store,
    revision::HistoryNow,
    timeline::{Gap, Identity, Link, Observation, Source},
};

/// The format of segments. One with a later format is left alone.
const FORMAT: u32 = 1;

/// The number of segments above which they are joined.
const SEGMENTS: usize = 16;

/// The time for which observations are kept, by the engine's clock.
const AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The longest time between a state that the engine reports and the event of the same
/// change.
const SAME: SignedDuration = SignedDuration::from_secs(1);

/// The reason of a gap where old observations were removed.
const TRIMMED: &str = "earlier events are not kept any longer";

/// Keeps the segments of one scope.
pub trait SegmentStore {
    /// Returns the number of packed bytes that all segments together may have. One
    /// segment may have as many.
    fn limit(&self) -> usize;

    /// Returns all segments, packed.
    fn segments(&self) -> impl Future<Output = Result<Vec<Segment>, Error>>;

    /// Adds a segment, unless it is there.
    fn add(&self, segment: &Blob) -> impl Future<Output = Result<(), Error>>;

    /// Removes a segment, if it is there.
    fn discard(&self, digest: &Digest) -> impl Future<Output = Result<(), Error>>;
}

/// A stored segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The digest of its content.
    pub digest: Digest,
    /// The packed content.
    pub packed: Vec<u8>,
}

/// A line of a segment.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// The format, which comes first.
    Format(u32),
    Event(Box<StoredObservation>),
    Gap(StoredGap),
    Position(Position),
}

/// The last position in a stream that was watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Position {
    at: Timestamp,
    stream: String,
    value: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredObservation {
    /// The time of keeping, by the engine's clock.
    at: Timestamp,
    machine: String,
    #[serde(flatten)]
    identity: Identity,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Link>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    follows: Vec<Link>,
    #[serde(flatten)]
    observation: Observation,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct StoredGap {
    at: Timestamp,
    machine: String,
    #[serde(flatten)]
    gap: Gap,
}

impl StoredObservation {
    fn new(observation: Observation, at: Timestamp) -> Self {
        Self {
            at,
            machine: observation.machine.clone(),
            identity: observation.identity.clone(),
            causes: observation.causes.clone(),
            follows: observation.follows.clone(),
            observation,
        }
    }

    fn restored(self) -> (Timestamp, Observation) {
        let observation = Observation {
            machine: self.machine,
            identity: self.identity,
            causes: self.causes,
            follows: self.follows,
            ..self.observation
        };
        (self.at, observation)
    }
}

/// The content of a new segment, without what is there already.
#[derive(Debug, Clone, Default)]
pub struct Additions {
    /// The observations.
    pub observations: Vec<Observation>,
    /// The gaps between them.
    pub gaps: Vec<Gap>,
    /// The positions in streams that were watched, in the engine's own terms.
    pub positions: BTreeMap<String, String>,
}

/// The journal of a scope at one moment.
#[derive(Debug, Default)]
pub struct Journal {
    /// The observations with the times at which they were kept.
    observations: Vec<(Timestamp, Observation)>,
    gaps: Vec<StoredGap>,
    /// The last position in each stream.
    positions: BTreeMap<String, Position>,
    /// The segments that were read, with their packed sizes.
    segments: BTreeMap<Digest, usize>,
    /// True if the store did not return the segments.
    failed: bool,
    /// The reasons why segments could not be read.
    unreadable: Vec<String>,
}

impl Journal {
    /// Reads it.
    pub async fn read(store: &impl SegmentStore) -> Result<Self, Error> {
        let mut journal = Self::default();
        let mut all = Distinct::default();
        for segment in store.segments().await? {
            match parse(&segment) {
                Ok(content) => {
                    for (at, observation) in content.observations {
                        all.add(at, observation);
                    }
                    journal.gaps.extend(content.gaps);
                    journal.add_positions(content.positions);
                    let size = segment.packed.len();
                    journal.segments.insert(segment.digest, size);
                }
                Err(why) => journal.unreadable.push(why),
            }
        }
        journal.observations = all.observations;
        journal
            .observations
            .sort_by_key(|(at, one)| (*at, one.time));
        journal.gaps.sort();
        journal
            .gaps
            .dedup_by(|a, b| a.gap == b.gap && a.machine == b.machine);
        Ok(journal)
    }

    /// Returns a journal that has kept some observations.
    pub fn of(observations: Vec<Observation>) -> Self {
        let observations = observations.into_iter();
        Self {
            observations: observations.map(|one| (Timestamp::MIN, one)).collect(),
            ..Self::default()
        }
    }

    /// Tells `warn` about the parts that could not be read.
    pub fn warn(&self, warn: &mut dyn FnMut(&str)) {
        for why in &self.unreadable {
            let part = if self.failed { "" } else { "a part of " };
            warn(&format!("{part}the journal cannot be read: {why}"));
        }
    }

    /// Returns the observations.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.observations.iter().map(|(_, observation)| observation)
    }

    fn add_positions(&mut self, positions: Vec<Position>) {
        for position in positions {
            let known = self.positions.get(&position.stream);
            if known.is_none_or(|known| known.at <= position.at) {
                self.positions.insert(position.stream.clone(), position);
            }
        }
    }

    /// Returns how far a stream was watched, and when that was noted, by the engine's clock.
    pub fn position(&self, stream: &str) -> Option<(&str, Timestamp)> {
        let known = self.positions.get(stream)?;
        Some((known.value.as_str(), known.at))
    }

    /// Returns the gaps.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.gaps.iter().map(|kept| Gap {
            machine: kept.machine.clone(),
            ..kept.gap.clone()
        })
    }

    /// Joins it with what the engine holds. Observations that are in both are one.
    pub fn joined(&self, held: Vec<Observation>) -> Vec<Observation> {
        let mut all = Distinct::default();
        for observation in held {
            all.add(Timestamp::MAX, observation);
        }
        for (at, observation) in &self.observations {
            let kept = Observation {
                journaled: true,
                ..observation.clone()
            };
            all.add(*at, kept);
        }
        let joined = all.observations.into_iter();
        joined.map(|(_, observation)| observation).collect()
    }

    /// Returns what it lacks of something.
    fn news(&self, kept: Additions, now: Timestamp) -> Content {
        let mut known = Distinct::default();
        for (at, observation) in &self.observations {
            known.add(*at, observation.clone());
        }
        let observations = kept.observations.into_iter();
        let observations = observations
            .filter(|one| !one.identity.name.is_empty() && !known.has(one))
            .map(|one| (now, one));
        let is_known = |gap: &Gap| self.gaps().any(|known| known == *gap);
        let gaps = kept.gaps.into_iter().filter(|gap| !is_known(gap));
        let gaps = gaps.map(|gap| StoredGap {
            at: now,
            machine: gap.machine.clone(),
            gap,
        });
        let positions = kept.positions.into_iter();
        let positions = positions
            .filter(|(stream, value)| self.position(stream).map(|(known, _)| known) != Some(value))
            .map(|(stream, value)| Position {
                at: now,
                stream,
                value,
            });
        Content {
            observations: observations.collect(),
            gaps: gaps.collect(),
            positions: positions.collect(),
        }
    }

    /// Returns true if it lacks one of some observations.
    pub fn lacks(&self, observations: &[Observation]) -> bool {
        let kept = Additions {
            observations: observations.to_vec(),
            ..Additions::default()
        };
        !self.news(kept, Timestamp::MIN).observations.is_empty()
    }

    /// Stores something that it lacks. Joins the segments if there are many, and removes the
    /// oldest observations if there are too many. `now` is by the engine's clock.
    async fn add(
        &self,
        store: &impl SegmentStore,
        news: Content,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Content {
            observations: news,
            gaps,
            positions,
        } = news;
        let segment = format(&news, &gaps, &positions);
        let limit = store.limit();
        let size = self.segments.values().sum::<usize>() + segment.packed().len();
        if self.segments.len() < SEGMENTS && size <= limit {
            return store.add(&segment).await;
        }
        let mut known = Distinct::default();
        for (at, one) in self.observations.iter().cloned().chain(news) {
            known.add(at, one);
        }
        let gaps = [self.gaps.clone(), gaps].concat();
        let mut all = self.positions.clone();
        all.extend(positions.into_iter().map(|one| (one.stream.clone(), one)));
        let positions: Vec<_> = all.into_values().collect();
        let joined = trimmed(known.observations, gaps, &positions, now, limit);
        store.add(&joined).await?;
        for digest in self.segments.keys() {
            if digest != joined.digest() {
                store.discard(digest).await?;
            }
        }
        Ok(())
    }
}

impl<S: Store + SegmentStore> Record<S> {
    /// Reads the journal of the scope. If it cannot be read, it is empty, and nothing is
    /// added.
    pub async fn journal(&self) -> Journal {
        Journal::read(self.store())
            .await
            .unwrap_or_else(|error| Journal {
                failed: true,
                unreadable: vec![error.message],
                ..Journal::default()
            })
    }

    /// Keeps what the journal lacks of something, unless the scope has no record: it was
    /// never applied, or is taken down, also while this runs.
    pub async fn keep(
        &self,
        journal: &Journal,
        kept: Additions,
        now: Timestamp,
    ) -> Result<(), Error> {
        let news = journal.news(kept, now);
        // Most commands find nothing new, and need not ask.
        if news.is_empty() || journal.failed || self.is_absent().await? {
            return Ok(());
        }
        journal.add(self.store(), news, now).await?;
        if self.is_absent().await? {
            clear(self.store()).await?;
        }
        Ok(())
    }
}

/// Removes all segments of a store.
pub async fn clear(store: &impl SegmentStore) -> Result<(), Error> {
    for segment in store.segments().await? {
        store.discard(&segment.digest).await?;
    }
    Ok(())
}

/// Notes the revision in force with each observation.
pub fn in_force(observations: &mut [Observation], history: &HistoryNow) {
    let last = history.history.last().map(|entry| entry.number);
    for observation in observations {
        observation.revision = observation.revision.or(last);
    }
}

/// Observations, each of them once.
#[derive(Default)]
struct Distinct {
    observations: Vec<(Timestamp, Observation)>,
    /// The indices by machine and identity.
    known: BTreeMap<(String, String), Vec<usize>>,
}

impl Distinct {
    fn find(&self, observation: &Observation) -> Option<usize> {
        let Identity { name, recurs } = &observation.identity;
        if name.is_empty() {
            return None;
        }
        let key = (observation.machine.clone(), name.clone());
        let mut indices = self.known.get(&key)?.iter().copied();
        indices.find(|index| {
            let known = &self.observations[*index].1;
            let is_state = |one: &Observation| one.source == Source::State;
            // A state has a time of its own; two events with other times are two.
            let tolerance = if is_state(known) == is_state(observation) {
                SignedDuration::ZERO
            } else {
                SAME
            };
            !recurs || known.time.duration_since(observation.time).abs() <= tolerance
        })
    }

    /// Returns true if as much is known as the observation says.
    fn has(&self, observation: &Observation) -> bool {
        let known = self
            .find(observation)
            .map(|index| &self.observations[index].1);
        known.is_some_and(|known| {
            known.count >= observation.count
                && (observation.source != Source::Imported || known.source == Source::Imported)
                && observation
                    .causes
                    .iter()
                    .all(|link| known.causes.contains(link))
                && observation
                    .follows
                    .iter()
                    .all(|link| known.follows.contains(link))
        })
    }

    /// Adds an observation. If it is known, the one that was counted more often stays, and
    /// the one of an imported log, which tells who. Of a state and an event the one that was
    /// kept first stays, so that a timeline that was shown does not change; otherwise the
    /// first.
    fn add(&mut self, at: Timestamp, observation: Observation) {
        let Some(index) = self.find(&observation) else {
            let Identity { name, .. } = &observation.identity;
            let key = (observation.machine.clone(), name.clone());
            let next = self.observations.len();
            self.known.entry(key).or_default().push(next);
            self.observations.push((at, observation));
            return;
        };
        let (known_at, known) = &mut self.observations[index];
        let mut other = observation;
        let is_other_kind = (known.source == Source::State) != (other.source == Source::State);
        let imported = |one: &Observation| one.source == Source::Imported;
        let is_better = if imported(known) == imported(&other) {
            is_other_kind && at < *known_at
        } else {
            imported(&other)
        };
        if other.count > known.count || (other.count == known.count && is_better) {
            std::mem::swap(known, &mut other);
            *known_at = at;
        }
        known.journaled &= other.journaled;
        known.sequence = known.sequence.or(other.sequence);
        known.revision = other.revision.or(known.revision);
        for (links, more) in [
            (&mut known.causes, other.causes),
            (&mut known.follows, other.follows),
        ] {
            for link in more {
                if !links.contains(&link) {
                    links.push(link);
                }
            }
        }
    }
}

/// Returns a segment.
fn format(
    observations: &[(Timestamp, Observation)],
    gaps: &[StoredGap],
    positions: &[Position],
) -> Blob {
    let observations = observations.iter().map(|(at, observation)| {
        Line::Event(Box::new(StoredObservation::new(observation.clone(), *at)))
    });
    let lines = [Line::Format(FORMAT)].into_iter().chain(observations);
    let lines = lines
        .chain(gaps.iter().cloned().map(Line::Gap))
        .chain(positions.iter().cloned().map(Line::Position));
    let mut bytes = Vec::new();
    for line in lines {
        // Plain structs with text keys always serialise.
        bytes.extend(serde_json::to_vec(&line).unwrap_or_default());
        bytes.push(b'\n');
    }
    Blob::new(bytes)
}

/// The content of a segment.
#[derive(Default)]
struct Content {
    observations: Vec<(Timestamp, Observation)>,
    gaps: Vec<StoredGap>,
    positions: Vec<Position>,
}

impl Content {
    fn is_empty(&self) -> bool {
        self.observations.is_empty() && self.gaps.is_empty() && self.positions.is_empty()
    }
}

/// Reads a segment.
fn parse(segment: &Segment) -> Result<Content, String> {
    let blob = Blob::unpack(&segment.digest, &segment.packed).map_err(|error| error.message)?;
    let text = String::from_utf8_lossy(blob.bytes());
    let mut lines = text.lines();
    let first = lines.next().map(serde_json::from_str);
    match first {
        Some(Ok(Line::Format(FORMAT))) => {}
        Some(Ok(Line::Format(format))) => {
            return Err(format!(
                "it has format {format}, and this kcc reads format {FORMAT}"
            ));
        }
        _ => return Err("it does not begin with its format".to_owned()),
    }
    let mut content = Content::default();
    for line in lines {
        match serde_json::from_str(line).map_err(|error| error.to_string())? {
            Line::Event(kept) => content.observations.push(kept.restored()),
            Line::Gap(gap) => content.gaps.push(gap),
            Line::Position(position) => content.positions.push(position),
            Line::Format(_) => {}
        }
    }
    Ok(content)
}

/// Returns one segment of what is young enough, and of the youngest part of it that fits.
/// Where something is left out, there is a gap.
fn trimmed(
    mut observations: Vec<(Timestamp, Observation)>,
    mut gaps: Vec<StoredGap>,
    positions: &[Position],
    now: Timestamp,
    limit: usize,
) -> Blob {
    observations.sort_by_key(|(at, one)| (*at, one.time));
    let old = |at: Timestamp| now.duration_since(at) > AGE;
    let mut left_out = observations.partition_point(|(at, _)| old(*at));
    gaps.retain(|gap| !old(gap.at));
    loop {
        let (removed, retained) = observations.split_at(left_out);
        let mut all = gaps.clone();
        let machines: BTreeSet<_> = removed.iter().map(|(_, one)| &one.machine).collect();
        for machine in machines {
            let own = removed.iter().filter(|(_, one)| one.machine == *machine);
            let mut to = own.map(|(_, one)| one.time).max();
            all.retain(|kept| {
                let former = kept.machine == *machine && kept.gap.why == TRIMMED;
                to = if former { to.max(kept.gap.to) } else { to };
                !former
            });
            all.push(StoredGap {
                at: now,
                machine: machine.clone(),
                gap: Gap {
                    machine: machine.clone(),
                    from: None,
                    to,
                    why: TRIMMED.to_owned(),
                },
            });
        }
        let segment = format(retained, &all, positions);
        // Room for what comes, so that not every observation trims it.
        let fits = segment.packed().len() <= limit / 4 * 3;
        if fits || retained.is_empty() {
            return segment;
        }
        left_out += retained.len().div_ceil(4);
    }
}

#[cfg(test)]
mod machines;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::timeline::Proof;

    /// Segments in memory.
    #[derive(Default)]
    pub(super) struct Memory {
        segments: Mutex<BTreeMap<Digest, Vec<u8>>>,
        limit: usize,
    }

    /// Keeps something as a record does.
    pub(super) async fn keep(store: &Memory, journal: &Journal, kept: Additions, now: Timestamp) {
        let news = journal.news(kept, now);
        if !news.is_empty() {
            journal.add(store, news, now).await.unwrap();
        }
    }

    impl SegmentStore for Memory {
        fn limit(&self) -> usize {
            self.limit
        }

        async fn segments(&self) -> Result<Vec<Segment>, Error> {
            let segments = self.segments.lock().unwrap();
            let all = segments.iter().map(|(digest, packed)| Segment {
                digest: digest.clone(),
                packed: packed.clone(),
            });
            Ok(all.collect())
        }

        async fn add(&self, segment: &Blob) -> Result<(), Error> {
            let mut segments = self.segments.lock().unwrap();
            segments.insert(segment.digest().clone(), segment.packed());
            Ok(())
        }

        async fn discard(&self, digest: &Digest) -> Result<(), Error> {
            self.segments.lock().unwrap().remove(digest);
            Ok(())
        }
    }

    impl Memory {
        pub(super) fn new(limit: usize) -> Self {
            Self {
                limit,
                ..Self::default()
            }
        }

        fn count(&self) -> usize {
            self.segments.lock().unwrap().len()
        }

        async fn keep(&self, observations: &[Observation], gaps: &[Gap], now: Timestamp) {
            let kept = Additions {
                observations: observations.to_vec(),
                gaps: gaps.to_vec(),
                ..Additions::default()
            };
            let journal = Journal::read(self).await.unwrap();
            keep(self, &journal, kept, now).await;
        }

        async fn read(&self) -> Journal {
            Journal::read(self).await.unwrap()
        }
    }

    pub(super) fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn observation(time: i64, event: &str) -> Observation {
        let object = "container web".to_owned();
        let observation = Observation::new("laptop", second(time), object, event.to_owned());
        Observation {
            component: Some("web".to_owned()),
            source: Source::Event,
            causes: vec![Link::new(Proof::Identity, "1")],
            ..observation.recurring("1", event)
        }
    }

    #[tokio::test]
    async fn returns_what_it_keeps_and_writes_nothing_twice() {
        let store = Memory::new(1 << 20);
        let all = [observation(1, "started"), observation(5, "ended")];
        let gap = Gap {
            machine: "laptop".to_owned(),
            from: Some(second(2)),
            to: None,
            why: "the connection was lost".to_owned(),
        };
        store
            .keep(&all, std::slice::from_ref(&gap), second(6))
            .await;
        assert_eq!(store.count(), 1);
        store
            .keep(&all, std::slice::from_ref(&gap), second(9))
            .await;
        assert_eq!(
            store.count(),
            1,
            "an unchanged observation is written again"
        );
        let journal = store.read().await;
        assert_eq!(journal.observations().cloned().collect::<Vec<_>>(), all);
        assert_eq!(journal.gaps().collect::<Vec<_>>(), [gap]);
        // The same event at another time is another one.
        store
            .keep(&[observation(7, "started")], &[], second(9))
            .await;
        assert_eq!(store.count(), 2);
        clear(&store).await.unwrap();
        assert_eq!(store.count(), 0);
    }

    #[tokio::test]
    async fn what_the_engine_still_holds_is_shown_once() {
        let store = Memory::new(1 << 20);
        store
            .keep(
                &[observation(1, "started"), observation(5, "ended")],
                &[],
                second(6),
            )
            .await;
        let state = Observation {
            time: second(5) + SignedDuration::from_millis(20),
            source: Source::State,
            ..observation(5, "ended")
        };
        let joined = store.read().await.joined(vec![state.clone()]);
        let events: Vec<_> = joined
            .iter()
            .map(|one| (one.event.as_str(), one.journaled, one.source))
            .collect();
        assert_eq!(
            events,
            [
                ("ended", false, Source::Event),
                ("started", true, Source::Event)
            ]
        );
        // Nothing is new.
        store.keep(&[state], &[], second(7)).await;
        assert_eq!(store.count(), 1);
    }

    #[tokio::test]
    async fn a_repeated_event_is_one_with_its_last_count() {
        let store = Memory::new(1 << 20);
        let counted = |time, count| Observation {
            count,
            ..observation(time, "probe failed").once("event", "9")
        };
        for (time, count) in [(1, 1), (8, 4), (5, 3)] {
            store.keep(&[counted(time, count)], &[], second(9)).await;
        }
        assert_eq!(store.count(), 2);
        let journal = store.read().await;
        let all: Vec<_> = journal.observations().collect();
        assert_eq!((all.len(), all[0].count, all[0].time), (1, 4, second(8)));
    }

    #[tokio::test]
    async fn is_bounded_and_says_what_is_missing() {
        let store = Memory::new(2000);
        for time in 0..150 {
            let observation = observation(time, &format!("event {}", time * 7919 % 1000));
            store.keep(&[observation], &[], second(time)).await;
            let packed = store.segments.lock().unwrap();
            assert!(packed.len() <= SEGMENTS);
            assert!(packed.values().map(Vec::len).sum::<usize>() <= 2000);
        }
        let journal = store.read().await;
        let first = journal.observations().next().unwrap().time;
        assert!(journal.observations().count() > 10);
        assert_eq!(journal.observations().last().unwrap().time, second(149));
        let gaps: Vec<_> = journal.gaps().collect();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!(gaps[0].to, Some(first - SignedDuration::from_secs(1)));
        // A month later everything is too old, and joined with what comes then.
        for time in 0..20 {
            let later = 31 * 24 * 3600 + time;
            store
                .keep(&[observation(later, "later")], &[], second(later))
                .await;
        }
        let journal = store.read().await;
        assert!(journal.observations().all(|one| one.event == "later"));
        assert_eq!(journal.gaps().next().unwrap().to, Some(second(149)));
    }

    #[tokio::test]
    async fn two_commands_that_join_segments_lose_nothing() {
        let store = Memory::new(1 << 20);
        for time in 0..16 {
            store
                .keep(&[observation(time, "started")], &[], second(time))
                .await;
        }
        let (one, other) = (store.read().await, store.read().await);
        for (journal, time) in [(one, 16), (other, 17)] {
            let kept = Additions {
                observations: vec![observation(time, "started")],
                ..Additions::default()
            };
            keep(&store, &journal, kept, second(time)).await;
        }
        let journal = store.read().await;
        let times: Vec<_> = journal.observations().map(|one| one.time).collect();
        assert_eq!(times, (0..18).map(second).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_later_or_damaged_segment_is_left_alone() {
        let store = Memory::new(1 << 20);
        let later = Blob::new(b"{\"format\":2}\n{\"world\":1}\n".to_vec());
        store.add(&later).await.unwrap();
        let damaged = Blob::new(b"{\"format\":1}\n{\"event\":".to_vec());
        store.add(&damaged).await.unwrap();
        for time in 0..20 {
            store
                .keep(&[observation(time, "started")], &[], second(time))
                .await;
        }
        let journal = store.read().await;
        assert_eq!(journal.observations().count(), 20);
        assert_eq!(journal.unreadable.len(), 2);
    }
}
