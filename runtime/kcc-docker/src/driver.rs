//! [`DockerDriver`]: performs the steps of a plan and answers questions about
//! readiness. Decides nothing: every choice is in the step's payload.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use kcc_lower::{
    Desired,
    docker::{Container, DockerDesired, Restart},
};
use kcc_model::Until;
use kcc_plan::{Context, Driver, Error, Event, Options, Readiness, Secrets, Step};

use crate::{
    client::Client,
    credentials::Credentials,
    endpoint::Endpoint,
    observed::ContainerState,
    payload::Payload,
    readiness::{FirstExits, ReadinessCheck},
    reconcile::moved,
};

/// A connection to an engine with the inputs its steps need.
pub(crate) struct DockerDriver<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) options: &'a Options,
    pub(crate) desired: &'a Desired,
    pub(crate) docker: &'a DockerDesired,
    /// The secrets of all containers, to put into new containers and to redact logs.
    pub(crate) secrets: Secrets,
    pub(crate) first_exits: FirstExits,
    pub(crate) stopping: Stopping,
}

/// The containers that are being stopped at the moment.
#[derive(Debug, Default)]
pub(crate) struct Stopping {
    count: AtomicUsize,
    reported: AtomicBool,
}

/// The duration of a stop after which kcc names what it waits for.
const NOTE_AFTER: Duration = Duration::from_secs(1);

impl DockerDriver<'_> {
    pub(crate) fn readiness_check(&self) -> ReadinessCheck<'_> {
        ReadinessCheck {
            client: self.client,
            endpoint: self.endpoint,
            secrets: Some(&self.secrets),
            first_exits: Some(&self.first_exits),
        }
    }

    /// Performs a step.
    async fn perform_step(&self, step: &Step<Payload>, context: &Context<'_>) -> Result<(), Error> {
        let name = step.operation.name.as_str();
        match &step.payload {
            Payload::Pull {
                reference,
                platform,
            } => {
                let login = Credentials::find(reference, self.options).await;
                let platform = platform.as_deref();
                self.client
                    .pull(reference, platform, login, context)
                    .await?;
                self.report_moved(reference, context).await?;
                self.refuse_new_image(reference).await
            }
            Payload::Build {
                build,
                platform,
                context_hash,
            } => {
                let (root, platform) = (&self.options.root, platform.as_deref());
                self.client
                    .build(root, build, platform, context_hash, context)
                    .await?;
                self.refuse_new_image(name).await
            }
            Payload::CreateNetwork { labels } => self.client.create_network(name, labels).await,
            Payload::CreateVolume { labels } => self.client.create_volume(name, labels).await,
            Payload::Create(new) => self.create(name, new, context).await,
            Payload::Replace { new, old, how } => self.replace(name, new, old, how, context).await,
            Payload::Start { id } => self.client.start(id, name).await,
            Payload::Restart { id } => {
                self.stop(id, name, context).await?;
                self.client.start(id, name).await
            }
            Payload::Unpause { id } => self.client.unpause(id, name).await,
            Payload::RemoveContainer { id } => {
                self.stop(id, name, context).await?;
                self.client.remove(id, name).await
            }
            Payload::RemoveNetwork { id } => self.client.remove_network(name, id).await,
            Payload::RemoveVolume => self.client.remove_volume(name).await,
        }
    }

    /// Reports a pulled image that is not the one in `kcc.lock`.
    async fn report_moved(&self, reference: &str, context: &Context<'_>) -> Result<(), Error> {
        let image = self.docker.images.get(reference);
        let found = self.client.image(reference).await?;
        let moved = image
            .zip(found)
            .and_then(|(image, found)| moved(reference, image, &found));
        if let Some((text, _)) = moved {
            context.reporter.event(&Event::Note { text: &text });
        }
        Ok(())
    }

    /// Stops a container and waits up to its grace period. The first stop that
    /// takes longer than a moment reports the number of pending stops, once.
    pub(crate) async fn stop(
        &self,
        id: &str,
        name: &str,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.stopping.count.fetch_add(1, Ordering::Relaxed);
        let stop = self.client.stop(id, name);
        let slow = async {
            tokio::time::sleep(NOTE_AFTER).await;
            if !self.stopping.reported.swap(true, Ordering::Relaxed) {
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

    /// Returns true for a sidecar of a job that ended before the sidecar was
    /// created: the engine cannot start it, and nothing needs it.
    async fn is_obsolete_sidecar(&self, name: &str) -> bool {
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

    /// Returns the containers that determine a component's readiness; the
    /// sidecars of a job end with it.
    fn containers_of(&self, component: &str) -> impl Iterator<Item = (&String, &Container)> {
        self.docker
            .containers
            .iter()
            .filter(move |(_, container)| container.component == component)
            .filter(|(_, container)| counts_for_readiness(self.docker, container))
    }
}

impl Driver for DockerDriver<'_> {
    type Payload = Payload;

    async fn perform(&self, step: &Step<Payload>, context: &Context<'_>) -> Result<(), Error> {
        let done = self.perform_step(step, context).await;
        if done.is_err()
            && step.payload.starts()
            && self.is_obsolete_sidecar(&step.operation.name).await
        {
            return Ok(());
        }
        done
    }

    fn counts_towards_limit(&self, payload: &Payload) -> bool {
        !matches!(payload, Payload::RemoveContainer { .. })
    }

    async fn ready(&self, component: &str, until: Until) -> Result<Readiness, Error> {
        for (name, container) in self.containers_of(component) {
            match self.readiness_check().run(name, container, until).await? {
                Readiness::Ready => {}
                other => return Ok(other),
            }
        }
        Ok(Readiness::Ready)
    }

    async fn object_ready(&self, object: &str, until: Until) -> Result<Readiness, Error> {
        match self.docker.containers.get(object) {
            Some(container) => self.readiness_check().run(object, container, until).await,
            None => Ok(Readiness::Ready),
        }
    }

    async fn object_details(&self, object: &str) -> Vec<String> {
        self.readiness_check().last_log_lines(object).await
    }

    async fn details(&self, component: &str) -> Vec<String> {
        let mut first = Vec::new();
        for (name, container) in self.containers_of(component) {
            let lines = self.readiness_check().last_log_lines(name).await;
            let answer = self
                .readiness_check()
                .run(name, container, Until::Healthy)
                .await;
            let well = matches!(answer, Ok(Readiness::Ready));
            if !lines.is_empty() && !well {
                return lines;
            }
            if first.is_empty() {
                first = lines;
            }
        }
        first
    }

    fn mutating_calls(&self) -> u64 {
        self.client.mutations()
    }
}

/// Returns true if a container counts towards its component's readiness.
pub(crate) fn counts_for_readiness(docker: &DockerDesired, container: &Container) -> bool {
    let main = container.sidecar_of.as_ref();
    let main = main.and_then(|main| docker.containers.get(main));
    main.is_none_or(|main| main.restart == Restart::UnlessStopped)
}
