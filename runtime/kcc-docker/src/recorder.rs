//! [`record`]: watches the events of an engine and adds those of a scope to its journal.
//!
//! Each connection begins with what the engine still holds, so that events of a moment
//! without a connection are found afterwards, or their loss is noticed.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use kcc_plan::{
    Cancel, Error, Record, Recorder, Recording, RecordingOptions, Scope,
    timeline::{Gap, Observation},
};

use crate::{
    client::{Client, EngineEvent},
    store::DockerStore,
    timeline,
};

/// The time between attempts to connect, and between signs of life.
const PAUSE: Duration = Duration::from_secs(1);
const LIFE: Duration = Duration::from_secs(10);

/// The parts of a recording.
pub(crate) struct Watch<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) record: &'a Record<DockerStore>,
    /// The beginning of the names of the scope's containers.
    pub(crate) prefix: &'a str,
}

/// The part of the engine's events that was watched so far.
#[derive(Default)]
struct Watched {
    /// The last event of any object of the engine.
    last: Option<Timestamp>,
    /// True if the connection was lost since.
    lost: bool,
}

/// Records until it is asked to end.
pub(crate) async fn record(
    watch: &Watch<'_>,
    options: &RecordingOptions,
    note: &mut dyn FnMut(&str),
    cancel: &Cancel,
) -> Result<Recording, Error> {
    let journal = watch.record.journal().await;
    journal.warn(note);
    let (machine, mut watched) = (&watch.client.machine, Watched::default());
    let mut recorder = Recorder::new(watch.record, &journal, options);
    // Without this the first connection could fail unnoticed.
    let held = watch.held(&mut recorder, &mut watched).await?;
    let own: Vec<_> = watch.observations(&held);
    if let Some(gap) = timeline::gap(&journal, machine, &held, &own) {
        recorder.gap(gap);
    }
    recorder.write().await?;
    loop {
        let ended = watch
            .follow(&mut recorder, &mut watched, note, cancel)
            .await;
        if ended {
            return recorder.finish().await;
        }
        note(&format!(
            "lost the connection to `{machine}`; connecting again"
        ));
        watched.lost = true;
        loop {
            let ended = recorder.ended(cancel);
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = ended => return recorder.finish().await,
            }
            let read = tokio::time::timeout(LIFE, watch.held(&mut recorder, &mut watched));
            if let Ok(Ok(_)) = read.await {
                note(&format!("connected to `{machine}`"));
                break;
            }
        }
    }
}

impl Watch<'_> {
    fn observations(&self, events: &[EngineEvent]) -> Vec<Observation> {
        let (machine, scope) = (&self.client.machine, self.scope);
        timeline::observations(machine, scope, self.prefix, &[], events)
    }

    /// Adds what the engine holds, and a gap if it does not hold the last event any more.
    async fn held(
        &self,
        recorder: &mut Recorder<'_, DockerStore>,
        watched: &mut Watched,
    ) -> Result<Vec<EngineEvent>, Error> {
        let events = self.client.events_since(Timestamp::UNIX_EPOCH).await?;
        let lives = self.client.lives(self.scope).await?;
        let times = || events.iter().filter_map(|event| event.at);
        let continues = watched
            .last
            .is_some_and(|last| times().any(|at| at == last));
        if watched.lost && !continues {
            let now = Timestamp::UNIX_EPOCH.checked_add(self.client.clock.now());
            recorder.gap(Gap {
                machine: self.client.machine.clone(),
                from: watched.last,
                to: times().min().or(now.ok()),
                why: "the connection to the engine was lost".to_owned(),
            });
        }
        let machine = &self.client.machine;
        let states = timeline::observations(machine, self.scope, self.prefix, &lives, &events);
        for observation in states {
            match observation.source {
                kcc_plan::timeline::Source::Event => recorder.add_next(observation),
                _ => recorder.add_state(observation),
            }
        }
        watched.last = times().max().or(watched.last);
        watched.lost = false;
        Ok(events)
    }

    /// Adds events as they come; returns true if the recording ends, and false if the
    /// connection does.
    async fn follow(
        &self,
        recorder: &mut Recorder<'_, DockerStore>,
        watched: &mut Watched,
        note: &mut dyn FnMut(&str),
        cancel: &Cancel,
    ) -> bool {
        let mut events = self.client.follow_events(watched.last);
        let mut silent = Duration::ZERO;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep(PAUSE) => {
                    recorder.write_if_due(note).await;
                    silent += PAUSE;
                    if silent >= LIFE {
                        silent = Duration::ZERO;
                        let alive = tokio::time::timeout(LIFE, self.client.engine_time()).await;
                        if !matches!(alive, Ok(Ok(_))) {
                            return false;
                        }
                    }
                    continue;
                }
                () = recorder.ended(cancel) => return true,
            };
            let Some(Ok(event)) = event else {
                return false;
            };
            silent = Duration::ZERO;
            // The first one is the last of those before.
            let known = event.at.is_some() && event.at <= watched.last;
            if !known {
                for observation in self.observations(std::slice::from_ref(&event)) {
                    recorder.add_next(observation);
                }
                watched.last = event.at.max(watched.last);
            }
            recorder.write_if_due(note).await;
        }
    }
}
