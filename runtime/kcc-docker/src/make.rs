//! How a container is made, and how a new one takes the place of another.

use std::time::{Duration, Instant};

use kcc_diag::Code;
use kcc_lower::docker::Container;
use kcc_model::Until;
use kcc_plan::{Cancel, Error, Readiness};

use crate::{
    client::Shares,
    engine::DockerEngine,
    files, init,
    observed::SUCCESSOR,
    work::{NewContainer, Replacement},
};

/// The pause between two looks at a container that is to take another's place.
const PAUSE: Duration = Duration::from_millis(100);

impl DockerEngine<'_> {
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

    pub(crate) async fn create(
        &self,
        name: &str,
        new: &NewContainer,
        cancel: &Cancel,
    ) -> Result<(), Error> {
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

    pub(crate) async fn replace(
        &self,
        name: &str,
        new: &NewContainer,
        old: &str,
        how: &Replacement,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        let id = self.make_whole(&format!("{name}{SUCCESSOR}"), new).await?;
        let taken_over = match how {
            Replacement::Overlap => self.overlap(&id, name, new, old, cancel).await,
            Replacement::StopFirst { beside, resumes } => {
                self.client.stop(old, name).await?;
                let started = self.first_start(&id, name, new, cancel).await;
                if started.is_err() {
                    self.fall_back(old, name, beside, *resumes).await;
                }
                started
            }
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

    /// Starts what was stopped again, or lets its sidecars end as well. What
    /// fails here is not told: why it came to this is.
    async fn fall_back(&self, old: &str, name: &str, beside: &[String], resumes: bool) {
        if resumes {
            let _ = self.client.start(old, name).await;
        }
        for sidecar in beside {
            // The network that it shares ended when its main container stopped.
            let _ = self.client.stop(sidecar, sidecar).await;
            if resumes {
                let _ = self.client.start(sidecar, sidecar).await;
            }
        }
    }
}

pub(crate) fn cannot_pack(name: &str, error: std::io::Error) -> Error {
    let message = format!("the files of `{name}` cannot be packed");
    Error::new(Code::ApplyRefused, message).cause(error)
}
