//! [`DockerDriver`]: makes the calls of a plan's steps and answers questions about
//! readiness. Decides nothing: every choice is in the call.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use kcc_lower::{
    Desired,
    docker::{Container, DockerDesired, Restart},
};
use kcc_model::Until;
use kcc_plan::{Calls, Cause, Context, Driver, Error, Event, Options, Readiness, Secrets, Step};

use crate::{
    call::{Call, Subject},
    calls::calls,
    client::Client,
    compose::copier,
    created::CreatedContainers,
    credentials::Credentials,
    empty_image,
    endpoint::Endpoint,
    observed::label,
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
    pub(crate) created: CreatedContainers,
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
            explains: false,
        }
    }

    /// Makes a call on a container, which does nothing if its creation turned out to be
    /// unnecessary.
    async fn on_container(
        &self,
        call: &Call,
        container: &Subject,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let Some(id) = self.identity(container)? else {
            return Ok(());
        };
        let (id, shown) = (id.as_str(), container.name.as_str());
        match call {
            Call::Connect {
                network, aliases, ..
            } => self.client.connect_network(network, id, aliases).await,
            Call::Upload { directory, new, .. } => self.upload(id, shown, directory, new).await,
            Call::UnpackDirectories(_) => self.unpack_directories(id, shown).await,
            Call::Start { job, .. } => self.start(id, container, job.as_deref()).await,
            Call::Await {
                new,
                until,
                since,
                failure,
                ..
            } => self.wait(id, new, *until, since, failure, context).await,
            Call::Unpause(_) => self.client.unpause(id, shown).await,
            Call::Stop(_) => self.stop(id, shown, context).await,
            Call::Rename { name, .. } => self.rename(id, name).await,
            _ => Ok(()),
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
    type Call = Call;

    fn calls(step: &Step<Payload>) -> Vec<Calls<Call>> {
        calls(&step.operation.name, &step.payload)
    }

    async fn perform(&self, call: &Call, context: &Context<'_>) -> Result<(), Error> {
        match call {
            Call::Pull {
                reference,
                platform,
            } => {
                let login = Credentials::find(reference, self.options).await;
                let platform = platform.as_deref();
                self.client
                    .pull(reference, platform, login, context)
                    .await?;
                self.report_moved(reference, context).await
            }
            Call::Build {
                build,
                platform,
                context_hash,
            } => {
                let (root, platform) = (&self.options.root, platform.as_deref());
                self.client
                    .build(root, build, platform, context_hash, context)
                    .await
            }
            Call::CheckImage { reference } => self.refuse_new_image(reference).await,
            Call::CreateNetwork { name, labels } => self.client.create_network(name, labels).await,
            Call::CreateVolume { name, labels } => self.client.create_volume(name, labels).await,
            Call::CreateCopier {
                volume,
                source,
                labels,
            } => {
                let name = &copier(volume);
                let own = (label::COPY_OF, source.as_str());
                let volumes = (source.as_str(), volume.as_str());
                let client = self.client;
                let create = |image| {
                    client
                        .create_copier(name, image, volumes, labels, own)
                        .boxed()
                };
                empty_image::create_container(self.client, name, create).await
            }
            Call::CopyVolume { volume } => self.client.copy(&copier(volume), volume).await,
            Call::RemoveCopier { volume } => {
                let name = &copier(volume);
                self.client.remove(name, name).await?;
                empty_image::discard(self.client).await;
                Ok(())
            }
            Call::RemoveFormer { id, name } => self.client.remove_former(id, name).await,
            Call::RemoveNetwork { name, id } => self.client.remove_network(name, id).await,
            Call::RemoveVolume { name } => self.client.remove_volume(name).await,
            Call::CheckImageUsers(new) => self.refuse_image_users(new).await,
            Call::Create(creation) => self.create(creation).await,
            Call::CreateDirectoryHelper { name, of, new } => {
                self.create_directory_helper(name, of, new).await
            }
            Call::Remove(container) => self.remove(container).await,
            Call::Connect { container, .. }
            | Call::Upload { container, .. }
            | Call::Start { container, .. }
            | Call::Await { container, .. }
            | Call::Rename { container, .. }
            | Call::UnpackDirectories(container)
            | Call::Unpause(container)
            | Call::Stop(container) => self.on_container(call, container, context).await,
        }
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

    async fn seen(&self, component: &str) -> Vec<String> {
        let mut seen = Vec::new();
        for (name, _) in self.containers_of(component) {
            let life = self.client.life(name).await;
            seen.extend(life.ok().flatten().and_then(|life| life.seen()));
        }
        seen
    }

    async fn object_details(&self, object: &str) -> Vec<String> {
        self.readiness_check().last_log_lines(object).await
    }

    async fn explain(&self, component: &str, until: Until) -> Option<Cause> {
        let check = ReadinessCheck {
            explains: true,
            first_exits: None,
            ..self.readiness_check()
        };
        for (name, container) in self.containers_of(component) {
            let answer = check.run(name, container, until).await.ok()?;
            if let Some(cause) = answer.cause() {
                return Some(cause);
            }
        }
        None
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
