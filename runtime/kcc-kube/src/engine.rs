//! [`KubeEngine`]: performs the steps of a plan, and answers for readiness.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{self, Arc, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use kcc_diag::Code;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use kcc_model::Until;
use kcc_plan::{Cancel, Context, Engine, Error, Readiness, Scope, Secrets, Step, random_secret};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    client::{Client, Live},
    observe,
    observed::Reference,
    parts, pods, reconcile,
    recovery::{self, Exits},
    restart, rollout, secrets, why,
    work::Work,
};

/// How old an answer to "what runs" may be: all components share one, so that
/// it is asked so often whatever their number.
const FRESH: Duration = Duration::from_millis(400);
const STALE: Duration = Duration::from_secs(2);
/// The pause between two answers within these limits, as a multiple of the time
/// that one takes: the server has writes to do meanwhile.
const REST: u32 = 5;
/// Writes that run side by side. The server takes them one after another where
/// it is busy; with more, a slow one would look like one that does not answer.
const PARALLEL: usize = 16;
/// How long the removal of an object may take, and the pause between two looks.
const REMOVAL: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_millis(200);
/// Lines of a log that explain a failure.
const LINES: i64 = 5;

/// What runs, as the cluster told it.
struct Answer {
    /// When it was asked.
    at: Instant,
    /// How long it may be used.
    fresh: Duration,
    live: Arc<Live>,
}

/// An engine with what its steps need.
pub(crate) struct KubeEngine<'a> {
    client: &'a Client,
    scope: &'a Scope,
    kube: &'a KubernetesDesired,
    /// The values of Secrets that whoever applies has.
    values: &'a Secrets,
    live: Mutex<Option<Answer>>,
    /// When each component was last written: what was read before does not tell
    /// of it.
    written: sync::Mutex<BTreeMap<String, Instant>>,
}

impl<'a> KubeEngine<'a> {
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

    /// What runs, as of a moment ago and not before the last write to a component.
    pub(crate) async fn live(&self, component: Option<&str>) -> Result<Arc<Live>, Error> {
        // Whoever waits for the lock finds an answer that is fresh.
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
        *last = Some(Answer {
            at,
            fresh: (at.elapsed() * REST).clamp(FRESH, STALE),
            live: live.clone(),
        });
        Ok(live)
    }

    /// The workloads of a component.
    pub(crate) fn workloads(&self, component: &str) -> impl Iterator<Item = &'a Object> {
        let objects = self.kube.objects.iter();
        objects.filter(move |object| {
            reconcile::is_workload(&object.kind) && object.component.as_deref() == Some(component)
        })
    }

    async fn apply(
        &self,
        reference: &Reference,
        manifest: &Value,
        uid: Option<&String>,
        force: bool,
    ) -> Result<(), Error> {
        let mut manifest = manifest.clone();
        if let (Some(uid), Some(Value::Object(metadata))) = (uid, manifest.get_mut("metadata")) {
            metadata.insert("uid".to_owned(), Value::String(uid.clone()));
        }
        self.client.apply(reference, &manifest, force).await
    }

    /// Removes an object and waits until it is gone.
    async fn remove(
        &self,
        reference: &Reference,
        uid: &str,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.client.delete(reference, uid).await?;
        self.gone(reference, Some(uid), context).await
    }

    /// Waits until an object is gone, or another one has its name.
    async fn gone(
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
            if stopped || begin.elapsed() > REMOVAL {
                return Err(still_there(reference, &live, stopped));
            }
            context.progress("it is being removed", None);
            pause(context.cancel).await;
        }
    }

    /// The last log lines of a component that is not ready, without secrets;
    /// nothing where those cannot be taken out.
    async fn last_words(&self, live: &Live, component: &str) -> Vec<String> {
        let own = pods::of_component(live, component);
        let own = match self.workloads(component).next() {
            Some(workload) => pods::by_revision(live, workload, own).0,
            None => own,
        };
        let stuck = own
            .iter()
            .find(|pod| recovery::stuck(pod, Exits::Never).is_some());
        let Some(pod) = stuck.or_else(|| own.iter().find(|pod| !pods::is_ready(pod))) else {
            return Vec::new();
        };
        let mut names: Vec<_> = self
            .workloads(component)
            .flat_map(|workload| secrets::named(&workload.manifest))
            .collect();
        names.dedup();
        let namespace = &self.kube.namespace;
        let Some(values) = self.client.secret_values(namespace, &names).await else {
            return Vec::new();
        };
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let Some((container, previous)) = parts::speaker(pod) else {
            return Vec::new();
        };
        let lines = self
            .client
            .last_lines(namespace, name, container, previous, LINES)
            .await;
        lines
            .iter()
            .map(|line| secrets::redact(line, &values))
            .collect()
    }

    /// What to do about an image that has to be built and is nowhere to be had.
    fn how_to_build(&self, live: &Live, component: &str) -> Option<String> {
        let own = pods::of_component(live, component);
        let pod = own.iter().find(|pod| pods::lacks_image(pod))?;
        let images = pod.spec.iter().flat_map(|spec| &spec.containers);
        let mut images = images.filter_map(|container| container.image.as_deref());
        let build =
            images.find_map(|image| self.kube.builds.iter().find(|build| build.tag == image))?;
        Some(format!(
            "image `{0}` is built from `{1}`, and kcc brings no image to a cluster: build it \
             (`docker build -t {0} -f {1}/{2} {1}`) and bring it to the cluster's machines, or \
             push it to a registry and write `image:`",
            build.tag, build.context, build.file
        ))
    }
}

impl Engine for KubeEngine<'_> {
    type Work = Work;

    async fn perform(&self, step: &Step<Work>, context: &Context<'_>) -> Result<(), Error> {
        let done = match &step.work {
            Work::Apply {
                reference,
                manifest,
                uid,
                after_removal,
                hand_over,
                force,
            } => {
                if *after_removal {
                    self.gone(reference, None, context).await?;
                }
                if let Some(part) = hand_over {
                    self.client.hand_over(reference, part).await?;
                }
                self.apply(reference, manifest, uid.as_ref(), *force).await
            }
            Work::Replace {
                reference,
                manifest,
                uid,
            } => {
                self.remove(reference, uid, context).await?;
                self.apply(reference, manifest, None, false).await
            }
            Work::MakeSecret { reference, secret } => {
                let made;
                let value = if secrets::is_brought(secret) {
                    self.values.get(&secret.name)?
                } else {
                    made = random_secret(&secret.name)?;
                    &made
                };
                let object = secrets::object(reference, secret, value);
                // Where somebody was faster, theirs stays.
                self.client.create(reference, &object).await.map(|_| ())
            }
            Work::ChangeSecret {
                reference,
                secret,
                uid,
            } => {
                let value = self.values.get(&secret.name)?;
                let mut change = secrets::change(uid, secret, value);
                restart::note_change(&mut change, Timestamp::now());
                self.client.change(reference, &change).await
            }
            Work::Restart { reference, uid } => {
                let patch = restart::patch(uid, Timestamp::now());
                self.client.restart(reference, &patch).await
            }
            Work::Delete { reference, uid } => self.remove(reference, uid, context).await,
        };
        if let Some(component) = &step.operation.component {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(component.clone(), Instant::now());
        }
        done
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        let live = self.live(Some(component)).await?;
        for workload in self.workloads(component) {
            match rollout::judge(&live, workload, until) {
                Readiness::Ready => {}
                other => return Ok(other),
            }
        }
        Ok(Readiness::Ready)
    }

    async fn details(&self, component: &str) -> Vec<String> {
        let Ok(live) = self.live(Some(component)).await else {
            return Vec::new();
        };
        let mut lines = self.last_words(&live, component).await;
        lines.extend(self.how_to_build(&live, component));
        lines
    }

    async fn refusal(&self, component: &str) -> Option<Error> {
        let live = self.live(Some(component)).await.ok()?;
        let images: BTreeSet<_> = pods::of_component(&live, component)
            .into_iter()
            .filter_map(why::refused)
            .collect();
        (!images.is_empty()).then(|| images.into_iter().collect::<Vec<_>>().into())
    }

    fn parallel(&self) -> usize {
        PARALLEL
    }

    fn mutating_calls(&self) -> u64 {
        self.client.mutations()
    }
}

fn still_there(reference: &Reference, live: &Value, stopped: bool) -> Error {
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
        message.push_str(", and the apply was stopped");
    }
    if !held.is_empty() {
        message = format!("{message}: {} holds it", held.join(", "));
    }
    Error::new(Code::ApplyIncomplete, message).help(format!(
        "see `kubectl describe {} {}`",
        reference.kind.to_lowercase(),
        reference.name
    ))
}

async fn pause(cancel: &Cancel) {
    tokio::select! {
        () = tokio::time::sleep(PAUSE) => {}
        () = cancel.cancelled() => {}
    }
}
