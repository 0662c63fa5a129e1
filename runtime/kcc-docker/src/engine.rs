//! [`DockerEngine`]: performs the steps of a plan, and answers for readiness.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use kcc_lower::docker::{Container, DockerDesired, Restart};
use kcc_model::Until;
use kcc_plan::{Context, Engine, Error, Event, Options, Readiness, Secrets, Step};

use crate::{
    client::Client,
    credentials::Credentials,
    endpoint::Endpoint,
    observed::ContainerState,
    ready::{Endings, Judge},
    work::Work,
};

/// An engine with what its steps need.
pub(crate) struct DockerEngine<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) options: &'a Options,
    pub(crate) docker: &'a DockerDesired,
    /// The secrets of all containers: they are put into those that are made, and
    /// taken out of logs.
    pub(crate) secrets: Secrets,
    pub(crate) endings: Endings,
    pub(crate) stopping: Stopping,
}

/// The containers that are asked to end at this moment.
#[derive(Debug, Default)]
pub(crate) struct Stopping {
    count: AtomicUsize,
    told: AtomicBool,
}

/// How long a stop may take until it is told that kcc waits for it.
const QUIET: Duration = Duration::from_secs(1);

impl DockerEngine<'_> {
    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge {
            client: self.client,
            endpoint: self.endpoint,
            secrets: Some(&self.secrets),
            endings: Some(&self.endings),
        }
    }

    /// Performs a step as it is.
    async fn perform_at_once(&self, step: &Step<Work>, context: &Context<'_>) -> Result<(), Error> {
        let name = step.operation.name.as_str();
        match &step.work {
            Work::Pull { reference } => {
                let login = Credentials::find(reference, self.options).await;
                self.client.pull(reference, login, context).await
            }
            Work::Build {
                build,
                context_hash,
            } => {
                self.client
                    .build(&self.options.root, build, context_hash, context)
                    .await
            }
            Work::CreateNetwork { labels } => self.client.create_network(name, labels).await,
            Work::CreateVolume { labels } => self.client.create_volume(name, labels).await,
            Work::Create(new) => self.create(name, new, context).await,
            Work::Replace { new, old, how } => self.replace(name, new, old, how, context).await,
            Work::Start { id } => self.client.start(id, name).await,
            Work::Restart { id } => {
                self.stop(id, name, context).await?;
                self.client.start(id, name).await
            }
            Work::Unpause { id } => self.client.unpause(id, name).await,
            Work::RemoveContainer { id } => {
                self.stop(id, name, context).await?;
                self.client.remove(id, name).await
            }
            Work::RemoveNetwork { id } => self.client.remove_network(name, id).await,
            Work::RemoveVolume => self.client.remove_volume(name).await,
        }
    }

    /// Asks a container to end, and waits as long as it may take. Where that is
    /// longer than a moment, it is told once for all that are waited for.
    pub(crate) async fn stop(
        &self,
        id: &str,
        name: &str,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.stopping.count.fetch_add(1, Ordering::Relaxed);
        let stop = self.client.stop(id, name);
        let slow = async {
            tokio::time::sleep(QUIET).await;
            if !self.stopping.told.swap(true, Ordering::Relaxed) {
                let count = self.stopping.count.load(Ordering::Relaxed);
                let text = match count {
                    1 => "waiting for 1 container to stop; it is killed".to_owned(),
                    _ => format!("waiting for {count} containers to stop; each is killed"),
                };
                context.reporter.event(&Event::Note {
                    text: &format!("{text} at the end of its grace period"),
                });
            }
            std::future::pending::<()>().await;
        };
        let stopped = tokio::select! {
            stopped = stop => stopped,
            () = slow => Ok(()),
        };
        self.stopping.count.fetch_sub(1, Ordering::Relaxed);
        stopped
    }

    /// Whether a container is a sidecar of a job that ended before it came:
    /// the engine refuses to start it, and nobody misses it.
    async fn is_late(&self, name: &str) -> bool {
        let containers = &self.docker.containers;
        let main = containers.get(name).and_then(|own| own.sidecar_of.as_ref());
        let Some(main) = main else {
            return false;
        };
        let job = |main: &Container| main.restart == Restart::No;
        containers.get(main).is_some_and(job)
            && matches!(self.client.inspect(main).await, Ok(Some(found))
                if matches!(found.state, ContainerState::Exited(_)))
    }

    /// The containers that have to be up for a component; the sidecars of a job
    /// end with it.
    fn containers_of(&self, component: &str) -> impl Iterator<Item = (&String, &Container)> {
        self.docker
            .containers
            .iter()
            .filter(move |(_, container)| container.component == component)
            .filter(|(_, container)| counts(self.docker, container))
    }
}

impl Engine for DockerEngine<'_> {
    type Work = Work;

    async fn perform(&self, step: &Step<Work>, context: &Context<'_>) -> Result<(), Error> {
        let done = self.perform_at_once(step, context).await;
        if done.is_err() && step.work.starts() && self.is_late(&step.operation.name).await {
            return Ok(());
        }
        done
    }

    fn limited(&self, work: &Work) -> bool {
        !matches!(work, Work::RemoveContainer { .. })
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        for (name, container) in self.containers_of(component) {
            match self.judge().judge(name, container, until).await? {
                Readiness::Ready => {}
                other => return Ok(other),
            }
        }
        Ok(Readiness::Ready)
    }

    async fn object_ready(&self, object: &str, until: Until) -> Result<Readiness, Error> {
        match self.docker.containers.get(object) {
            Some(container) => self.judge().judge(object, container, until).await,
            None => Ok(Readiness::Ready),
        }
    }

    async fn object_details(&self, object: &str) -> Vec<String> {
        self.judge().last_words(object).await
    }

    async fn details(&self, component: &str) -> Vec<String> {
        let mut first = Vec::new();
        for (name, container) in self.containers_of(component) {
            let words = self.judge().last_words(name).await;
            let judged = self.judge().judge(name, container, Until::Healthy).await;
            let well = matches!(judged, Ok(Readiness::Ready));
            if !words.is_empty() && !well {
                return words;
            }
            if first.is_empty() {
                first = words;
            }
        }
        first
    }

    fn mutating_calls(&self) -> u64 {
        self.client.mutations()
    }
}

/// Whether a container has to be up for its component to be so.
pub(crate) fn counts(docker: &DockerDesired, container: &Container) -> bool {
    let main = container.sidecar_of.as_ref();
    let main = main.and_then(|main| docker.containers.get(main));
    main.is_none_or(|main| main.restart == Restart::UnlessStopped)
}
