//! [`Recorder`]: adds what an engine's crate watches to the journal of a scope, at
//! intervals, until it is asked to end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Cancel, Error, Record, Store,
    journal::{Additions, Journal, SegmentStore},
    timeline::{Gap, Observation, Source},
};

/// The longest time for which an observation is in memory only.
const INTERVAL: Duration = Duration::from_secs(5);

/// The most observations in memory while the journal cannot be written.
const PENDING: usize = 20_000;

/// The settings of a recording.
#[derive(Debug, Clone, Default)]
pub struct RecordingOptions {
    /// The time after which it ends.
    pub time: Option<Duration>,
}

/// The result of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// The number of observations.
    pub observations: usize,
    /// The number of gaps between them.
    pub gaps: usize,
}

/// Collects observations and adds them to a journal.
pub struct Recorder<'a, S> {
    record: &'a Record<S>,
    pending: Additions,
    /// The next position in the sequences of the machines that have one.
    next: BTreeMap<String, u64>,
    written: Instant,
    end: Option<Instant>,
    /// True if the last attempt to write failed.
    fails: bool,
    recording: Recording,
}

impl<'a, S: Store + SegmentStore> Recorder<'a, S> {
    /// Begins a recording that goes on from a journal.
    pub fn new(record: &'a Record<S>, journal: &Journal, options: &RecordingOptions) -> Self {
        let mut next = BTreeMap::new();
        for observation in journal.observations() {
            if let Some(sequence) = observation.sequence {
                let own: &mut u64 = next.entry(observation.machine.clone()).or_default();
                *own = (*own).max(sequence + 1);
            }
        }
        let now = Instant::now();
        Self {
            record,
            pending: Additions::default(),
            next,
            written: now,
            end: options.time.and_then(|time| now.checked_add(time)),
            fails: false,
            recording: Recording::default(),
        }
    }

    /// Adds an observation that was watched.
    pub fn add(&mut self, observation: Observation) {
        self.recording.observations += 1;
        self.pending.observations.push(Observation {
            source: Source::Recorded,
            ..observation
        });
    }

    /// Adds an observation of a state, which others may date in another way.
    pub fn add_state(&mut self, observation: Observation) {
        self.pending.observations.push(observation);
    }

    /// Adds the next observation of a machine whose observations arrive in its own order.
    pub fn add_next(&mut self, observation: Observation) {
        let next = self.next.entry(observation.machine.clone()).or_default();
        let sequence = Some(*next);
        *next += 1;
        self.add(Observation {
            sequence,
            ..observation
        });
    }

    /// Adds a gap.
    pub fn gap(&mut self, gap: Gap) {
        self.recording.gaps += 1;
        self.pending.gaps.push(gap);
    }

    /// Notes how far a stream was watched.
    pub fn position(&mut self, stream: &str, position: String) {
        self.pending.positions.insert(stream.to_owned(), position);
    }

    /// Completes when the recording ends: at its time, or when a stop is requested.
    pub async fn ended(&self, cancel: &Cancel) {
        let time = async {
            match self.end {
                Some(end) => tokio::time::sleep_until(end.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = cancel.cancelled() => {}
        }
    }

    /// Writes what is pending if it is time to; tells `note` once if that fails.
    pub async fn write_if_due(&mut self, note: &mut dyn FnMut(&str)) {
        let due = self.written.elapsed() >= INTERVAL;
        let Additions {
            observations, gaps, ..
        } = &self.pending;
        if !due || (observations.is_empty() && gaps.is_empty()) {
            return;
        }
        let written = self.write().await;
        if let Err(error) = &written
            && !self.fails
        {
            note(&format!("cannot write the journal: {}", error.chain()));
        }
        self.fails = written.is_err();
    }

    /// Writes what is pending.
    pub async fn write(&mut self) -> Result<(), Error> {
        self.written = Instant::now();
        let journal = self.record.journal().await;
        let history = self.record.history().await?;
        let mut kept = self.pending.clone();
        crate::journal::in_force(&mut kept.observations, &history);
        let written = self.record.keep(&journal, kept, history.now).await;
        match written {
            Ok(()) => {
                let positions = std::mem::take(&mut self.pending).positions;
                self.pending.positions = positions;
            }
            Err(_) => self.forget(history.now),
        }
        written
    }

    /// Leaves out the oldest observations if too many are pending.
    fn forget(&mut self, now: Timestamp) {
        let observations = &mut self.pending.observations;
        if observations.len() <= PENDING {
            return;
        }
        let removed = observations.drain(..PENDING / 2);
        let mut machines: BTreeMap<String, Timestamp> = BTreeMap::new();
        for one in removed {
            let last = machines.entry(one.machine).or_insert(one.time);
            *last = (*last).max(one.time);
        }
        for (machine, to) in machines {
            self.gap(Gap {
                machine,
                from: None,
                to: Some(to.min(now)),
                why: "the journal could not be written".to_owned(),
            });
        }
    }

    /// Ends the recording.
    pub async fn finish(mut self) -> Result<Recording, Error> {
        self.write().await?;
        Ok(self.recording)
    }
}
