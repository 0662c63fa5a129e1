//! [`record`]: watches the objects of a scope and its namespace's events, and adds them to
//! its journal.
//!
//! The server answers from the position of the last recording, or says that it does not
//! know any more what happened since: that is a gap.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kcc_lower::kubernetes::KubernetesDesired;
use kcc_plan::{
    Cancel, Error, Record, Recorder, Recording, RecordingOptions, Redaction, Scope, Store,
    journal::Journal,
    timeline::{Gap, Observation},
    unredacted,
};
use tokio::sync::mpsc;

use crate::{
    client::{Client, Seen},
    observe, secrets,
    store::KubeStore,
    timeline::{self, API_SERVER, Known},
};

/// The time between two looks at what is due.
const LOOK: Duration = Duration::from_secs(1);

/// The time for which values of secrets are used for redaction before they are read again.
const SECRETS: Duration = Duration::from_secs(30);

/// The most that waits to be added.
const WAITING: usize = 1000;

/// The parts of a recording.
pub(crate) struct Watch<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) kube: &'a KubernetesDesired,
    pub(crate) record: &'a Record<KubeStore>,
}

/// The values of secrets that were read last.
struct Values {
    redaction: Redaction,
    /// True if all could be read.
    complete: bool,
    read: Instant,
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
    let mut recorder = Recorder::new(watch.record, &journal, options);
    let mut values = watch.values(note).await;
    let mut known = Known::new();
    let labels = observe::labels(watch.scope);
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let from = |stream: &str| journal.position(stream).map(|(at, _)| at.to_owned());
    // What goes on from a position has to know the objects that were there before.
    watch.learn(&labels, &mut known).await?;
    let streams = watch
        .client
        .watch(&watch.kube.namespace, &labels, &from, &sender);
    let mut streams = Box::pin(streams);
    let mut look = tokio::time::interval(LOOK);
    loop {
        let seen = tokio::select! {
            Some(seen) = receiver.recv() => seen,
            refused = &mut streams => match refused {
                Err(error) => {
                    recorder.finish().await?;
                    return Err(error);
                }
                Ok(never) => match never {},
            },
            _ = look.tick() => {
                recorder.write_if_due(note).await;
                continue;
            }
            () = recorder.ended(cancel) => return recorder.finish().await,
        };
        if values.read.elapsed() > SECRETS {
            values = watch.values(&mut |_| {}).await;
        }
        match seen {
            Seen::Listed(live) => {
                let all = timeline::observations_of(&live, &mut known, &values.redaction);
                for observation in all {
                    recorder.add_state(values.safe(observation));
                }
            }
            Seen::Changed {
                live,
                is_new,
                version,
            } => {
                let all = timeline::observations_of(&live, &mut known, &values.redaction);
                for mut observation in all {
                    let is_creation = is_new && observation.machine == API_SERVER;
                    observation.sequence = version.filter(|_| is_creation);
                    recorder.add(values.safe(observation));
                }
            }
            Seen::Removed { kind, metadata } => {
                // A cluster does not date a removal, and it was a moment ago.
                if kind != "Event"
                    && let Ok(now) = watch.record.store().now().await
                {
                    recorder.add(timeline::removal(kind, &metadata, now));
                }
            }
            Seen::Position { stream, version } => recorder.position(stream, version),
            Seen::Expired { stream } => {
                note(&format!(
                    "the cluster does not know any more what happened to {stream} objects"
                ));
                let now = watch.record.store().now().await.ok();
                for gap in gaps(&journal, stream, now) {
                    recorder.gap(gap);
                }
            }
            Seen::Failed(error) => note(&format!("{}; trying again", error.chain())),
        }
    }
}

/// Returns the gaps where a stream of objects goes on without what happened between: for
/// the API server by its clock, and for other machines after their last observation.
fn gaps(journal: &Journal, stream: &str, now: Option<Timestamp>) -> Vec<Gap> {
    let why = format!("the cluster does not know any more what happened to {stream} objects");
    let from = journal.position(stream).map(|(_, at)| at);
    let mut last = std::collections::BTreeMap::new();
    for one in journal
        .observations()
        .filter(|one| one.machine != API_SERVER)
    {
        let time = last.entry(&one.machine).or_insert(one.time);
        *time = (*time).max(one.time);
    }
    let gap = |machine: &str, from, to| Gap {
        machine: machine.to_owned(),
        from,
        to,
        why: why.clone(),
    };
    let others = last
        .into_iter()
        .map(|(machine, time)| gap(machine, Some(time), None));
    let others: Vec<_> = others.collect();
    [gap(API_SERVER, from, now)]
        .into_iter()
        .chain(others)
        .collect()
}

impl Watch<'_> {
    async fn values(&self, warn: &mut dyn FnMut(&str)) -> Values {
        let objects = self.kube.objects.iter();
        let names: std::collections::BTreeSet<_> = objects
            .flat_map(|object| secrets::referenced(&object.manifest))
            .collect();
        let namespace = &self.kube.namespace;
        let (values, unreadable) = self.client.known_secret_values(namespace, &names).await;
        if let Some(text) = unredacted(&unreadable) {
            warn(&text);
        }
        Values {
            redaction: Redaction::new(&values),
            complete: unreadable.is_empty(),
            read: Instant::now(),
        }
    }

    async fn learn(&self, labels: &str, known: &mut Known) -> Result<(), Error> {
        let held = self.client.held(&self.kube.namespace, labels).await?;
        timeline::observations_of(&held, known, &Redaction::new(&[]));
        Ok(())
    }
}

impl Values {
    /// Leaves out a message that may quote a secret whose value is unknown.
    fn safe(&self, observation: Observation) -> Observation {
        if self.complete {
            observation
        } else {
            timeline::without_messages(&observation)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_position_is_a_gap_on_every_machine() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let on = |machine: &str, time| {
            Observation::new(
                machine,
                second(time),
                "Pod web-1".to_owned(),
                "started".to_owned(),
            )
        };
        let journal = Journal::of(vec![on("node-1", 7), on("node-1", 9), on(API_SERVER, 3)]);
        let gaps = gaps(&journal, "Pod", Some(second(20)));
        let all: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.machine.as_str(), gap.from, gap.to))
            .collect();
        assert_eq!(
            all,
            [
                (API_SERVER, None, Some(second(20))),
                ("node-1", Some(second(9)), None)
            ]
        );
    }
}
