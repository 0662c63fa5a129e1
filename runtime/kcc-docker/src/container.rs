//! The calls on containers: creates one, writes its files, starts it, waits for it,
//! removes it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use kcc_diag::Code;
use kcc_lower::docker::Container;
use kcc_model::Until;
use kcc_plan::{Context, Error, Event, Readiness};

use crate::{
    call::{Creation, Subject, Target},
    client::Shares,
    created::Created,
    driver::DockerDriver,
    files::{self, Directories, cannot_pack},
    observed::ContainerState,
    payload::NewContainer,
};

/// The interval between two checks of a successor.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The number of attempts to rename a container.
const RENAME_ATTEMPTS: usize = 30;

impl DockerDriver<'_> {
    /// Returns the identity of the container that a call is made on; none if its
    /// creation turned out to be unnecessary.
    pub(crate) fn identity(&self, container: &Subject) -> Result<Option<String>, Error> {
        match &container.target {
            Target::Existing(id) => Ok(Some(id.clone())),
            Target::Created(name) => match self.created.get(name) {
                Some(created) => Ok(created.id),
                None => Err(never_created(name)),
            },
        }
    }

    pub(crate) async fn create(&self, creation: &Creation) -> Result<(), Error> {
        let (name, new) = (creation.name.as_str(), creation.new.as_ref());
        let container = &new.container;
        let created = if let Some(main) = &container.sidecar_of {
            // It joins the network of its main container, which is running by now.
            let Some(main) = self.client.inspect(main).await? else {
                let message = format!("container `{main}` is gone; `{name}` shares its network");
                return Err(Error::new(Code::ApplyIncomplete, message));
            };
            let shares = Shares {
                network: Some(&main.id),
                directories: files::has_shared_directories(container).then_some(&main.id),
            };
            self.create_with(name, new, shares).await
        } else {
            let of = match &creation.directories_of {
                Some(of) => self.created.get(of).and_then(|created| created.id),
                None => None,
            };
            let shares = Shares {
                network: None,
                directories: of.as_deref(),
            };
            self.create_with(name, new, shares).await
        };
        let id = self.unless_obsolete(created, new.job.as_deref()).await?;
        self.created.insert(name, id, Directories::new());
        Ok(())
    }

    pub(crate) async fn create_with(
        &self,
        name: &str,
        new: &NewContainer,
        shares: Shares<'_>,
    ) -> Result<String, Error> {
        let env = self.env(&new.container)?;
        self.client.create(name, new, env, shares).await
    }

    fn env(&self, container: &Container) -> Result<Vec<String>, Error> {
        container
            .env
            .iter()
            .map(|(name, value)| Ok(format!("{name}={}", self.secrets.resolve(value)?)))
            .collect()
    }

    /// Writes the files of a container that are below a directory.
    pub(crate) async fn upload(
        &self,
        id: &str,
        name: &str,
        directory: &str,
        new: &NewContainer,
    ) -> Result<(), Error> {
        let user = self.user_of(&new.container).await?;
        let packed = files::archive(&new.container, directory, &user, self.secrets.values());
        let archive = packed.map_err(|error| cannot_pack(name, error))?;
        self.client.upload(id, name, archive).await
    }

    pub(crate) async fn start(
        &self,
        id: &str,
        container: &Subject,
        job: Option<&str>,
    ) -> Result<(), Error> {
        let started = self.client.start(id, &container.name).await;
        self.unless_obsolete(started, job).await?;
        let begin = |created: &mut Created| created.begun = Instant::now();
        self.created.change(&container.target, begin);
        Ok(())
    }

    pub(crate) async fn remove(&self, container: &Subject) -> Result<(), Error> {
        let id = match &container.target {
            Target::Existing(id) => Some(id.clone()),
            // It is also called for what may have been created.
            Target::Created(name) => self.created.get(name).and_then(|created| created.id),
        };
        let Some(id) = id else { return Ok(()) };
        self.client.remove(&id, &container.name).await?;
        let forget = |created: &mut Created| created.id = None;
        self.created.change(&container.target, forget);
        Ok(())
    }

    /// Returns nothing instead of an error for a sidecar of a job that has ended: the
    /// engine cannot start it, and nothing needs it.
    async fn unless_obsolete<T>(
        &self,
        result: Result<T, Error>,
        job: Option<&str>,
    ) -> Result<Option<T>, Error> {
        let Err(error) = result else {
            return result.map(Some);
        };
        if let Some(job) = job
            && let Ok(Some(found)) = self.client.inspect(job).await
            && matches!(found.state, ContainerState::Exited(_))
        {
            return Ok(None);
        }
        Err(error)
    }

    /// Waits until a container reaches a state, within its deadline since the start of
    /// the one created as `since`. Fails with the reason if it does not.
    pub(crate) async fn wait(
        &self,
        id: &str,
        new: &NewContainer,
        until: Until,
        since: &str,
        failure: &str,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let begun = self.created.get(since).map(|created| created.begun);
        let begun = begun.ok_or_else(|| never_created(since))?;
        let Some(why) = self.reason_to_wait(id, new, until, begun, context).await? else {
            return Ok(());
        };
        let lines = self.readiness_check().last_log_lines(id).await;
        let message = format!("{failure}: {why}");
        Err(Error::new(Code::ApplyIncomplete, message).detail(lines))
    }

    /// Waits until a container reaches a state. Returns the reason if it does not.
    async fn reason_to_wait(
        &self,
        id: &str,
        new: &NewContainer,
        until: Until,
        begun: Instant,
        context: &Context<'_>,
    ) -> Result<Option<String>, Error> {
        let limit = Duration::from_millis(new.deadline_ms);
        let keep_waiting = self.options.keep_waiting && until != Until::Completed;
        let component = new.container.component.as_str();
        let mut reported = BTreeSet::new();
        loop {
            let check = self.readiness_check();
            let answer = check.run_for_successor(id, &new.container, until);
            let why = match answer.await? {
                Readiness::Ready => return Ok(None),
                Readiness::Failed(cause) if !keep_waiting => return Ok(Some(cause.text())),
                Readiness::Failed(cause) | Readiness::Waiting(cause) => cause.text(),
            };
            if context.cancel.is_cancelled() {
                return Ok(Some(format!("the apply was stopped: {why}")));
            }
            if begun.elapsed() >= limit {
                return Ok(Some(format!("{why} (after {} s)", limit.as_secs())));
            }
            if !reported.contains(&why) {
                let why = why.as_str();
                context.reporter.event(&Event::Waiting {
                    component,
                    until,
                    why,
                });
                reported.insert(why.to_owned());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Renames a running container. Retries, because the engine refuses for a
    /// moment while it restarts the container.
    pub(crate) async fn rename(&self, id: &str, name: &str) -> Result<(), Error> {
        let mut left = RENAME_ATTEMPTS;
        loop {
            match self.client.rename(id, name).await {
                Err(_) if left > 1 => left -= 1,
                done => return done,
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// The failure of a call on a container that no call created before.
fn never_created(name: &str) -> Error {
    let message = format!("container `{name}` was not created");
    Error::new(Code::ApplyIncomplete, message)
}
