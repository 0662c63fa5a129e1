//! Watches objects from a position on.

use std::{convert::Infallible, time::Duration};

use futures_util::StreamExt;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kcc_plan::Error;
use kube::{
    ResourceExt,
    api::{Api, ListParams, WatchEvent, WatchParams},
};
use tokio::{sync::mpsc::Sender, time::timeout};

use super::{Client, live::Namespaced};
use crate::live::Live;

/// The time after which the server ends a watch, which then goes on from its position, and
/// the time without an answer after which a connection counts as lost.
const WATCH_SECONDS: u32 = 60;
const SILENCE: Duration = Duration::from_secs(75);
const ANSWER: Duration = Duration::from_secs(20);

/// The time between attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Something that a watch saw.
pub(crate) enum Seen {
    /// Objects that are there, because the watch begins; with the position to go on from.
    Listed(Box<Live>),
    /// An object that is new, or has changed.
    Changed {
        live: Box<Live>,
        is_new: bool,
        version: Option<u64>,
    },
    /// An object that was removed.
    Removed {
        kind: &'static str,
        metadata: Box<ObjectMeta>,
    },
    /// The position up to which everything was seen.
    Position {
        stream: &'static str,
        version: String,
    },
    /// The server does not know any more what happened since the position.
    Expired { stream: &'static str },
    /// The connection failed; only the first of several failures in a row.
    Failed(Error),
}

impl Client {
    /// Watches the labelled workloads of a namespace, their pods and all events of the
    /// namespace, from positions that `from` returns. Returns only if it may not.
    pub(crate) async fn watch(
        &self,
        namespace: &str,
        labels: &str,
        from: &dyn Fn(&str) -> Option<String>,
        seen: &Sender<Seen>,
    ) -> Result<Infallible, Error> {
        let streams = self.streaming()?;
        let watch = Watch {
            client: self,
            streams: &streams,
            namespace,
            labels,
            from,
            seen,
        };
        let one = |name: Option<String>| name.unwrap_or_default();
        let (never, ..) = tokio::try_join!(
            watch.kind::<Deployment>("Deployment", |object| Live {
                deployments: [(one(object.metadata.name.clone()), object)].into(),
                ..Live::default()
            }),
            watch.kind::<StatefulSet>("StatefulSet", |object| Live {
                stateful_sets: [(one(object.metadata.name.clone()), object)].into(),
                ..Live::default()
            }),
            watch.kind::<DaemonSet>("DaemonSet", |object| Live {
                daemon_sets: [(one(object.metadata.name.clone()), object)].into(),
                ..Live::default()
            }),
            watch.kind::<Job>("Job", |object| Live {
                jobs: [(one(object.metadata.name.clone()), object)].into(),
                ..Live::default()
            }),
            watch.kind::<CronJob>("CronJob", |object| Live {
                cron_jobs: [(one(object.metadata.name.clone()), object)].into(),
                ..Live::default()
            }),
            watch.kind::<ReplicaSet>("ReplicaSet", |object| Live {
                replica_sets: vec![object],
                ..Live::default()
            }),
            watch.kind::<Pod>("Pod", |object| Live {
                pods: vec![object].into(),
                ..Live::default()
            }),
            watch.kind::<Event>("Event", |object| Live {
                events: vec![object],
                ..Live::default()
            }),
        )?;
        match never {}
    }
}

struct Watch<'a> {
    client: &'a Client,
    streams: &'a kube::Client,
    namespace: &'a str,
    labels: &'a str,
    from: &'a dyn Fn(&str) -> Option<String>,
    seen: &'a Sender<Seen>,
}

/// The end of one connection.
enum Ended {
    /// It goes on from the position.
    Over,
    Expired,
    Failed(kube::Error),
}

impl Watch<'_> {
    async fn kind<K: Namespaced>(
        &self,
        stream: &'static str,
        live: impl Fn(K) -> Live,
    ) -> Result<Infallible, Error> {
        let lists: Api<K> = Api::namespaced(self.client.kube.clone(), self.namespace);
        let watches: Api<K> = Api::namespaced(self.streams.clone(), self.namespace);
        let labels = if stream == "Event" { "" } else { self.labels };
        let mut position = (self.from)(stream);
        let mut fails = false;
        loop {
            let ended = match &position {
                Some(from) => {
                    let from = from.clone();
                    self.follow(&watches, stream, labels, from, &mut position, &live)
                        .await
                }
                None => match lists.list(&ListParams::default().labels(labels)).await {
                    Ok(list) => {
                        let version = list.metadata.resource_version.unwrap_or_default();
                        for object in list.items {
                            self.send(Seen::Listed(Box::new(live(object)))).await;
                        }
                        position = Some(version.clone());
                        self.send(Seen::Position { stream, version }).await;
                        fails = false;
                        continue;
                    }
                    Err(error) => Ended::Failed(error),
                },
            };
            match ended {
                Ended::Over => fails = false,
                Ended::Expired => {
                    position = None;
                    self.send(Seen::Expired { stream }).await;
                }
                Ended::Failed(error) => {
                    let refused = matches!(&error, kube::Error::Api(status)
                        if matches!(status.code, 401 | 403));
                    let what = format!("watch {}", K::plural(&()));
                    let error = self.client.error(&what, &error);
                    if refused {
                        return Err(error);
                    }
                    if !fails {
                        self.send(Seen::Failed(error)).await;
                    }
                    fails = true;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Follows one connection to its end.
    async fn follow<K: Namespaced>(
        &self,
        api: &Api<K>,
        stream: &'static str,
        labels: &str,
        from: String,
        position: &mut Option<String>,
        live: &impl Fn(K) -> Live,
    ) -> Ended {
        let params = WatchParams::default().labels(labels).timeout(WATCH_SECONDS);
        let opened = match timeout(ANSWER, api.watch(&params, &from)).await {
            Ok(Ok(events)) => events,
            Ok(Err(error)) if is_expired(&error) => return Ended::Expired,
            Ok(Err(error)) => return Ended::Failed(error),
            Err(_) => return Ended::Over,
        };
        let mut events = Box::pin(opened);
        // Without an answer for so long the connection is lost, and the position is not.
        while let Ok(Some(event)) = timeout(SILENCE, events.next()).await {
            let (version, seen) = match event {
                Ok(WatchEvent::Added(object)) => changed(object, true, live),
                Ok(WatchEvent::Modified(object)) => changed(object, false, live),
                Ok(WatchEvent::Deleted(object)) => {
                    let metadata = Box::new(object.meta().clone());
                    let kind = stream;
                    (
                        object.resource_version(),
                        Some(Seen::Removed { kind, metadata }),
                    )
                }
                Ok(WatchEvent::Bookmark(mark)) => (Some(mark.metadata.resource_version), None),
                Ok(WatchEvent::Error(status)) if status.code == 410 => return Ended::Expired,
                Ok(WatchEvent::Error(status)) => {
                    return Ended::Failed(kube::Error::Api(status));
                }
                Err(error) => return Ended::Failed(error),
            };
            if let Some(seen) = seen {
                self.send(seen).await;
            }
            if let Some(version) = version {
                *position = Some(version.clone());
                self.send(Seen::Position { stream, version }).await;
            }
        }
        Ended::Over
    }

    async fn send(&self, seen: Seen) {
        // Nobody receives any more if the recording has ended.
        let _ = self.seen.send(seen).await;
    }
}

fn changed<K: Namespaced>(
    object: K,
    is_new: bool,
    live: &impl Fn(K) -> Live,
) -> (Option<String>, Option<Seen>) {
    let version = object.resource_version();
    let changed = Seen::Changed {
        version: version.as_deref().and_then(|version| version.parse().ok()),
        live: Box::new(live(object)),
        is_new,
    };
    (version, Some(changed))
}

fn is_expired(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 410)
}
