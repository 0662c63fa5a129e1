//! [`DockerEngine`]: performs the steps of a plan, and answers for readiness.

use std::time::{Duration, Instant};

use kcc_diag::Code;
use kcc_lower::docker::{Container, DockerDesired, Restart};
use kcc_model::Until;
use kcc_plan::{Cancel, Context, Engine, Error, Options, Readiness, Secrets, Step};

use crate::{
    client::{Client, Shares},
    credentials::Credentials,
    endpoint::Endpoint,
    files, init,
    observed::SUCCESSOR,
    ready::{Judge, Sightings},
    work::{NewContainer, Replacement, Work},
};

/// The pause between two looks at a container that is to take another's place.
const PAUSE: Duration = Duration::from_millis(100);

/// An engine with what its steps need.
pub(crate) struct DockerEngine<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) options: &'a Options,
    pub(crate) docker: &'a DockerDesired,
    /// The secrets of the containers that are made.
    pub(crate) secrets: Secrets,
    /// All secrets of the target, to take them out of logs.
    pub(crate) known: Option<Secrets>,
    pub(crate) sightings: Sightings,
}

impl DockerEngine<'_> {
    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge {
            client: self.client,
            endpoint: self.endpoint,
            secrets: self.known.as_ref(),
            sightings: &self.sightings,
        }
    }

    /// Makes a container with its files. What fails half-way is removed.
    pub(crate) async fn make(
        &self,
        name: &str,
        new: &NewContainer,
        shares: Shares<'_>,
    ) -> Result<String, Error> {
        let env = self.env(&new.container)?;
        let packed = files::archives(&new.container, self.secrets.values());
        let archives = packed.map_err(|error| cannot_pack(name, error))?;
        let id = self.client.create(name, new, env, shares).await?;
        for archive in archives {
            if let Err(error) = self.client.upload(&id, name, archive).await {
                // The first error is the one to tell.
                let _ = self.client.remove(&id, name).await;
                return Err(error);
            }
        }
        Ok(id)
    }

    /// Makes the container of an operation: a sidecar in the network of its
    /// main container, which runs by now.
    async fn make_whole(&self, name: &str, new: &NewContainer) -> Result<String, Error> {
        let Some(main) = &new.container.sidecar_of else {
            let id = self.make(name, new, Shares::default()).await?;
            if let Err(error) = self.open_folders(name, new, &id).await {
                let _ = self.client.remove(&id, name).await;
                return Err(error);
            }
            return Ok(id);
        };
        let Some(main) = self.client.inspect(main).await? else {
            let message = format!("container `{main}`, whose network `{name}` shares, is gone");
            return Err(Error::new(Code::ApplyIncomplete, message));
        };
        let shares = Shares {
            network: Some(&main.id),
            folders: init::shares_folders(&new.container).then_some(&main.id),
        };
        self.make(name, new, shares).await
    }

    fn env(&self, container: &Container) -> Result<Vec<String>, Error> {
        container
            .env
            .iter()
            .map(|(name, value)| Ok(format!("{name}={}", self.secrets.fill(value)?)))
            .collect()
    }

    pub(crate) async fn start(&self, id: &str, name: &str) -> Result<(), Error> {
        self.client.start(id, name).await?;
        self.sightings.started(id);
        Ok(())
    }

    async fn create(&self, name: &str, new: &NewContainer, cancel: &Cancel) -> Result<(), Error> {
        if new.container.on_demand {
            // Under its own name it is complete: an apply that is killed while
            // the files are written leaves the other one.
            let id = self.make_whole(&format!("{name}{SUCCESSOR}"), new).await?;
            return self.client.rename(&id, name).await;
        }
        let id = self.make_whole(name, new).await?;
        let started = self.first_start(&id, name, new, cancel).await;
        if started.is_err() {
            let _ = self.client.remove(&id, name).await;
        }
        started
    }

    /// Runs the init steps of a container that has just been made, then starts it.
    async fn first_start(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        self.init(id, name, new, cancel).await?;
        self.start(id, name).await
    }

    async fn replace(
        &self,
        name: &str,
        new: &NewContainer,
        old: &str,
        how: Replacement,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        let id = self.make_whole(&format!("{name}{SUCCESSOR}"), new).await?;
        let taken_over = match how {
            Replacement::Overlap => self.overlap(&id, name, new, old, cancel).await,
            Replacement::StopFirst => self.stop_first(&id, name, new, old, cancel).await,
            Replacement::AtRest => self.client.stop(old, name).await,
        };
        if let Err(error) = taken_over {
            let _ = self.client.remove(&id, name).await;
            return Err(error);
        }
        self.client.remove(old, name).await?;
        self.client.rename(&id, name).await
    }

    /// Stops the old one once the new one is ready.
    async fn overlap(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        old: &str,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        self.first_start(id, name, new, cancel).await?;
        let begin = Instant::now();
        if let Some(why) = self.wait(id, new, Until::Healthy, begin, cancel).await? {
            let message =
                format!("the new `{name}` did not become ready, the old one goes on: {why}");
            let words = self.judge().last_words(id).await;
            return Err(Error::new(Code::ApplyIncomplete, message).detail(words));
        }
        self.client.stop(old, name).await
    }

    /// Waits until a container is in a state, for as long as it has since it
    /// began; why it is not in the end.
    pub(crate) async fn wait(
        &self,
        id: &str,
        new: &NewContainer,
        until: Until,
        begin: Instant,
        cancel: &Cancel,
    ) -> Result<Option<String>, Error> {
        let limit = Duration::from_millis(new.deadline_ms);
        loop {
            let why = match self.judge().judge(id, &new.container, until).await? {
                Readiness::Ready => return Ok(None),
                Readiness::Failed { why } => return Ok(Some(why)),
                Readiness::Waiting { why } => why,
            };
            if cancel.is_cancelled() {
                return Ok(Some(format!("the apply was stopped while {why}")));
            }
            if begin.elapsed() >= limit {
                return Ok(Some(format!("{why} (after {} s)", limit.as_secs())));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Stops the old one, then starts the new one; the old one is started again
    /// if that fails.
    async fn stop_first(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        old: &str,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        self.client.stop(old, name).await?;
        let started = self.first_start(id, name, new, cancel).await;
        if started.is_err() {
            let _ = self.client.start(old, name).await;
        }
        started
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
            Work::Create(new) => self.create(name, new, context.cancel).await,
            Work::Replace { new, old, how } => {
                self.replace(name, new, old, *how, context.cancel).await
            }
            Work::Start { id } => self.start(id, name).await,
            Work::Restart { id } => {
                self.client.stop(id, name).await?;
                self.start(id, name).await
            }
            Work::Unpause { id } => self.client.unpause(id, name).await,
            Work::RemoveContainer { id } => {
                self.client.stop(id, name).await?;
                self.client.remove(id, name).await
            }
            Work::RemoveNetwork { id } => self.client.remove_network(name, id).await,
            Work::RemoveVolume => self.client.remove_volume(name).await,
        }
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

pub(crate) fn cannot_pack(name: &str, error: std::io::Error) -> Error {
    let message = format!("the files of `{name}` cannot be packed");
    Error::new(Code::ApplyRefused, message).cause(error)
}
