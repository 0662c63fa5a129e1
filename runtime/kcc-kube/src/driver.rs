//! [`KubeDriver`]: makes the calls of a plan's steps and answers questions about
//! readiness. Decides nothing: every choice is in the call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{self, Arc, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kcc_diag::Code;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_model::Until;
use kcc_plan::{
    Calls, Cancel, Cause, Context, Driver, Error, Readiness, Redaction, Scope, Secrets, Step,
    random_secret,
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    calls::{Call, calls},
    causes::{self, Exits},
    client::Client,
    live::Live,
    observe,
    observed::Reference,
    payload::Payload,
    pod_container, pods, reconcile, restart, rollout, secrets, timeline,
};

/// The bounds on the age of a snapshot. All components share one, so that the
/// number of requests does not grow with the number of components.
const FRESH: Duration = Duration::from_millis(400);
const STALE: Duration = Duration::from_secs(2);
/// The age of a snapshot within these bounds, as a multiple of the time it took to
/// read: the server has writes to process meanwhile.
const REST_FACTOR: u32 = 5;
/// The most concurrent writes. A busy server processes them one after another;
/// with more of them, slow responses would look like missing ones.
const PARALLEL: usize = 16;
/// The time limit for the removal of an object, and the interval between polls.
pub(crate) const REMOVAL_LIMIT: Duration = Duration::from_mins(5);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The number of log lines that explain a failure.
const LINES: i64 = 5;

/// The workloads and pods of a scope, as read at one moment.
struct Snapshot {
    /// The time of the request.
    at: Instant,
    /// The time for which it may be used.
    fresh: Duration,
    live: Arc<Live>,
}

/// A connection to a cluster with the inputs its steps need.
pub(crate) struct KubeDriver<'a> {
    client: &'a Client,
    scope: &'a Scope,
    kube: &'a KubernetesDesired,
    /// The values of secrets from outside the cluster.
    values: &'a Secrets,
    live: Mutex<Option<Snapshot>>,
    /// The time of the last write to each component: an older snapshot does not
    /// show it.
    written: sync::Mutex<BTreeMap<String, Instant>>,
}

impl<'a> KubeDriver<'a> {
    pub(crate) fn new(
        client: &'a Client,
        scope: &'a Scope,
        kube: &'a KubernetesDesired,
        values: &'a Secrets,
    ) -> Self {
        Self {
            client,
            scope,
            kube,
            values,
            live: Mutex::new(None),
            written: sync::Mutex::default(),
        }
    }

    /// Returns a recent snapshot that is not older than the last write to a component.
    pub(crate) async fn live(&self, component: Option<&str>) -> Result<Arc<Live>, Error> {
        // A task that had to wait for the lock finds a fresh snapshot.
        let mut last = self.live.lock().await;
        if let Some(last) = &*last {
            let written = {
                let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
                component.and_then(|component| written.get(component).copied())
            };
            let age = last.at.elapsed();
            if age < last.fresh && written.is_none_or(|written| written <= last.at) {
                return Ok(last.live.clone());
            }
            tokio::time::sleep(last.fresh.saturating_sub(age)).await;
        }
        let labels = observe::labels(self.scope);
        let kinds: BTreeSet<_> = self
            .kube
            .objects
            .iter()
            .map(|object| object.kind.as_str())
            .filter(|kind| reconcile::is_workload(kind))
            .collect();
        let at = Instant::now();
        let live = self.client.live(&self.kube.namespace, &labels, &kinds);
        let live = Arc::new(live.await?);
        *last = Some(Snapshot {
            at,
            fresh: (at.elapsed() * REST_FACTOR).clamp(FRESH, STALE),
            live: live.clone(),
        });
        Ok(live)
    }

    /// Returns the workloads of a component.
    pub(crate) fn workloads(&self, component: &str) -> impl Iterator<Item = &'a Object> {
        let objects = self.kube.objects.iter();
        objects.filter(move |object| {
            reconcile::is_workload(&object.kind) && object.component.as_deref() == Some(component)
        })
    }

    /// Waits until an object is gone or another one has its name.
    async fn wait_until_gone(
        &self,
        reference: &Reference,
        uid: Option<&str>,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let begin = Instant::now();
        loop {
            let Some(live) = self.client.get(reference).await? else {
                return Ok(());
            };
            let text = |pointer: &str| live.pointer(pointer).and_then(Value::as_str);
            let other = uid.is_some() && text("/metadata/uid") != uid;
            let stays = uid.is_none() && text("/metadata/deletionTimestamp").is_none();
            if other || stays {
                return Ok(());
            }
            let stopped = context.cancel.is_cancelled();
            if stopped || begin.elapsed() > REMOVAL_LIMIT {
                return Err(removal_pending(reference, &live, stopped));
            }
            context.progress("being removed", None);
            pause(context.cancel).await;
        }
    }

    /// Returns a snapshot with everything that explains why components are not ready.
    pub(crate) async fn explained(&self, component: Option<&str>) -> Result<Live, Error> {
        let mut live = Live::clone(&*self.live(component).await?);
        if !live.is_short() && live.pods.iter().all(pods::is_ready) {
            return Ok(live);
        }
        live.others = self.client.explanations(&self.kube.namespace, &live).await;
        let unready = live.pods.iter().filter(|pod| !pods::is_ready(pod));
        let names: BTreeSet<_> = match component {
            Some(name) => BTreeSet::from([name.to_owned()]),
            None => unready
                .filter_map(pods::component)
                .map(str::to_owned)
                .collect(),
        };
        let names: Vec<_> = names.into_iter().collect();
        let mut logs = BTreeMap::new();
        for names in names.chunks(PARALLEL) {
            let reads = names.iter().map(|name| self.last_log_lines(&live, name));
            logs.extend(join_all(reads).await.into_iter().flatten());
        }
        live.logs = logs;
        Ok(live)
    }

    /// Returns the end of the log of a component that is not ready, and the pod and the
    /// container that wrote it; nothing if its secrets cannot be redacted.
    async fn last_log_lines(&self, live: &Live, component: &str) -> Option<(String, Vec<String>)> {
        let own = pods::of_component(live, component);
        let workload = self.workloads(component).next();
        let own = match workload {
            Some(workload) => pods::by_revision(live, workload, own).0,
            None => own,
        };
        let is_final = |pod: &&&Pod| {
            workload
                .is_some_and(|workload| causes::of_pod(live, workload, pod, Exits::Never).is_final)
        };
        let unready: Vec<_> = own.into_iter().filter(|pod| !pods::is_ready(pod)).collect();
        let pod = unready.iter().find(is_final).or(unready.first())?;
        let mut names: Vec<_> = self
            .workloads(component)
            .flat_map(|workload| secrets::referenced(&workload.manifest))
            .collect();
        names.dedup();
        let namespace = &self.kube.namespace;
        let values = self.client.secret_values(namespace, &names).await?;
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let (container, previous) = pod_container::log_source(pod)?;
        let lines = self
            .client
            .last_lines(namespace, name, container, previous, LINES)
            .await;
        let redaction = Redaction::new(&values);
        let lines = lines
            .iter()
            .map(|line| secrets::redact(line, &redaction))
            .collect();
        Some((format!("{name}/{container}"), lines))
    }

    /// Explains how to retry a pull at once: the kubelet backs off for minutes, even if
    /// the image has appeared in the meantime. What this apply has changed is fresh.
    fn retry_instructions(&self, live: &Live, component: &str) -> Option<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.contains_key(component) {
            return None;
        }
        let own = pods::of_component(live, component);
        own.iter().find(|pod| pods::lacks_image(pod))?;
        let runs_once = self
            .workloads(component)
            .any(|workload| workload.kind == "Job");
        let command = if runs_once { "start" } else { "restart" };
        Some(format!(
            "if the image can be pulled by now, run `kcc {command} {component} --target {}`: the \
             cluster itself tries again only within 5 minutes",
            self.scope.target
        ))
    }

    /// Explains how to provide an image that has to be built and is missing.
    fn build_instructions(&self, live: &Live, component: &str) -> Option<String> {
        let own = pods::of_component(live, component);
        let pod = own.iter().find(|pod| pods::lacks_image(pod))?;
        let images = pod.spec.iter().flat_map(|spec| &spec.containers);
        let mut images = images.filter_map(|container| container.image.as_deref());
        let build =
            images.find_map(|image| self.kube.builds.iter().find(|build| build.tag == image))?;
        Some(format!(
            "kcc does not load images into a cluster: build `{0}` \
             (`docker build -t {0} -f {1}/{2} {1}`) and load it onto the cluster's nodes, or \
             push it to a registry and declare `image:`",
            build.tag, build.context, build.file
        ))
    }
}

impl Driver for KubeDriver<'_> {
    type Payload = Payload;
    type Call = Call;

    fn calls(step: &Step<Payload>) -> Vec<Calls<Call>> {
        calls(&step.payload)
    }

    async fn perform(&self, call: &Call, context: &Context<'_>) -> Result<(), Error> {
        let done = match call {
            Call::Apply {
                reference,
                manifest,
                force,
            } => self.client.apply(reference, manifest, *force).await,
            Call::HandOver { reference, part } => self.client.hand_over(reference, part).await,
            Call::TakeOver {
                reference,
                uid,
                tool,
            } => self.client.take_over(reference, uid, *tool).await,
            Call::AwaitServed { reference } => self.client.await_served(reference).await,
            Call::Delete { reference, uid } => self.client.delete(reference, uid).await,
            Call::AwaitRemoval { reference, uid } => {
                self.wait_until_gone(reference, uid.as_deref(), context)
                    .await
            }
            Call::CreateSecret { reference, secret } => {
                let created;
                let value = if secrets::is_external(secret) {
                    self.values.get(&secret.name)?
                } else {
                    created = random_secret(&secret.name)?;
                    &created
                };
                let object = secrets::object(reference, secret, value);
                // If another writer was faster, its Secret stays.
                self.client.create(reference, &object).await
            }
            Call::AdoptSecret {
                reference,
                secret,
                uid,
            } => {
                let change = secrets::adopt(uid, secret);
                self.client.change(reference, &change).await
            }
            Call::UpdateSecret {
                reference,
                secret,
                uid,
            } => {
                let value = self.values.get(&secret.name)?;
                let mut change = secrets::update(uid, secret, value);
                restart::note_change(&mut change, Timestamp::now());
                self.client.change(reference, &change).await
            }
            Call::Restart {
                reference,
                uid,
                annotation,
            } => {
                let patch = restart::patch(uid, annotation, Timestamp::now());
                self.client.restart(reference, &patch).await
            }
        };
        if let Some(component) = &context.operation.component {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(component.clone(), Instant::now());
        }
        done
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        let live = self.live(Some(component)).await?;
        for workload in self.workloads(component) {
            match rollout::readiness(&live, workload, until) {
                Readiness::Ready => {}
                other => return Ok(other),
            }
        }
        Ok(Readiness::Ready)
    }

    async fn seen(&self, component: &str) -> Vec<String> {
        let Ok(live) = self.live(Some(component)).await else {
            return Vec::new();
        };
        let own = pods::of_component(&live, component);
        own.into_iter().filter_map(timeline::seen_ready).collect()
    }

    async fn details(&self, component: &str) -> Vec<String> {
        let Ok(live) = self.live(Some(component)).await else {
            return Vec::new();
        };
        let found = self.last_log_lines(&live, component).await;
        found.map(|(_, lines)| lines).unwrap_or_default()
    }

    async fn explain(&self, component: &str, until: Until) -> Option<Cause> {
        let live = self.explained(Some(component)).await.ok()?;
        let mut all = self.workloads(component);
        all.find_map(|workload| rollout::readiness(&live, workload, until).cause())
    }

    async fn advice(&self, component: &str) -> Option<String> {
        let live = self.live(Some(component)).await.ok()?;
        let build = self.build_instructions(&live, component);
        build.or_else(|| self.retry_instructions(&live, component))
    }

    async fn refusal(&self, component: &str) -> Option<Error> {
        let live = self.live(Some(component)).await.ok()?;
        let images: BTreeSet<_> = pods::of_component(&live, component)
            .into_iter()
            .filter_map(causes::refused_image)
            .collect();
        (!images.is_empty()).then(|| images.into_iter().collect::<Vec<_>>().into())
    }

    fn max_parallel(&self) -> usize {
        PARALLEL
    }

    fn mutating_calls(&self) -> u64 {
        self.client.mutations()
    }
}

/// Describes an object that is not gone in time.
pub(crate) fn removal_pending(reference: &Reference, live: &Value, stopped: bool) -> Error {
    let finalizers = live
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array);
    let held: Vec<_> = finalizers
        .into_iter()
        .flatten()
        .filter_map(|name| Some(format!("`{}`", name.as_str()?)))
        .collect();
    let mut message = format!("{reference} is still being removed");
    if stopped {
        message.push_str("; the apply was stopped");
    }
    if !held.is_empty() {
        message = format!("{message}: blocked by finalizer {}", held.join(", "));
    }
    Error::new(Code::ApplyIncomplete, message).help(format!(
        "check `kubectl describe {} {}`",
        reference.kind.to_lowercase(),
        reference.name
    ))
}

/// Waits between two looks.
pub(crate) async fn pause(cancel: &Cancel) {
    tokio::select! {
        () = tokio::time::sleep(POLL_INTERVAL) => {}
        () = cancel.cancelled() => {}
    }
}
