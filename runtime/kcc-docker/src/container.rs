//! Creates containers and replaces one with another.
//!
//! A replacement keeps the old container until the new one has proved itself, or
//! restarts it if the new one fails, and its error says what became of the old one.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use kcc_diag::Code;
use kcc_lower::docker::Container;
use kcc_model::Until;
use kcc_plan::{Context, Error, Event, Readiness};

use crate::{
    client::Shares,
    driver::DockerDriver,
    files::{self, cannot_pack},
    observed::SUCCESSOR,
    payload::{NewContainer, Replacement},
};

/// The interval between two checks of a successor.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The number of attempts to rename a container.
const RENAME_ATTEMPTS: usize = 30;

impl DockerDriver<'_> {
    /// Creates a container with its files, without starting it. Removes it again
    /// if that fails half-way.
    pub(crate) async fn create_stopped(
        &self,
        name: &str,
        new: &NewContainer,
        shares: Shares<'_>,
    ) -> Result<String, Error> {
        let env = self.env(&new.container)?;
        let user = self.user_of(&new.container).await?;
        let packed = files::archives(&new.container, &user, self.secrets.values());
        let archives = packed.map_err(|error| cannot_pack(name, error))?;
        let id = self.client.create(name, new, env, shares).await?;
        for archive in archives {
            if let Err(error) = self.client.upload(&id, name, archive).await {
                // Report the first error.
                let _ = self.client.remove(&id, name).await;
                return Err(error);
            }
        }
        Ok(id)
    }

    /// Creates the container of an operation, ready to start. A sidecar joins the
    /// network of its main container, which is running by now.
    async fn create_for_operation(&self, name: &str, new: &NewContainer) -> Result<String, Error> {
        self.refuse_image_users(new).await?;
        let Some(main) = &new.container.sidecar_of else {
            let id = self.create_stopped(name, new, Shares::default()).await?;
            if let Err(error) = self.prepare_directories(name, new, &id).await {
                let _ = self.client.remove(&id, name).await;
                return Err(error);
            }
            return Ok(id);
        };
        let Some(main) = self.client.inspect(main).await? else {
            let message = format!("container `{main}` is gone; `{name}` shares its network");
            return Err(Error::new(Code::ApplyIncomplete, message));
        };
        let shares = Shares {
            network: Some(&main.id),
            directories: files::has_shared_directories(&new.container).then_some(&main.id),
        };
        self.create_stopped(name, new, shares).await
    }

    fn env(&self, container: &Container) -> Result<Vec<String>, Error> {
        container
            .env
            .iter()
            .map(|(name, value)| Ok(format!("{name}={}", self.secrets.resolve(value)?)))
            .collect()
    }

    pub(crate) async fn create(
        &self,
        name: &str,
        new: &NewContainer,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        if new.container.on_demand {
            // Use the final name only once the container is complete: an apply
            // killed while files are written leaves a successor, not a container
            // that looks finished.
            let id = self
                .create_for_operation(&format!("{name}{SUCCESSOR}"), new)
                .await?;
            return self.client.rename(&id, name).await;
        }
        let id = self.create_for_operation(name, new).await?;
        let started = self.first_start(&id, name, new, context).await;
        if started.is_err() {
            let _ = self.client.remove(&id, name).await;
        }
        started
    }

    /// Runs the init steps of a new container, then starts it.
    async fn first_start(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.init(id, name, new, context).await?;
        self.client.start(id, name).await
    }

    /// Replaces an old container, which is removed once the new one has proved
    /// itself. Otherwise the old one is back in place, and the error says so.
    pub(crate) async fn replace(
        &self,
        name: &str,
        new: &NewContainer,
        old: &str,
        how: &Replacement,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let id = self
            .create_for_operation(&format!("{name}{SUCCESSOR}"), new)
            .await?;
        match how {
            Replacement::Overlap => {
                let until = Until::Healthy;
                let started = self.start_and_prove(&id, name, new, until, context);
                if let Err(error) = started.await {
                    let _ = self.client.remove(&id, name).await;
                    return Err(with_outcome(error, "the previous container keeps running"));
                }
                self.stop(old, name, context).await?;
            }
            Replacement::StopFirst { sidecars, until } => {
                self.stop(old, name, context).await?;
                let started = match until {
                    Some(until) => self.start_and_prove(&id, name, new, *until, context).await,
                    None => self.first_start(&id, name, new, context).await,
                };
                if let Err(error) = started {
                    // It may hold a port or volume that the old one needs.
                    let _ = self.client.remove(&id, name).await;
                    let resumes = until.is_some();
                    return Err(
                        match self.restore_previous(old, name, sidecars, resumes).await {
                            Some(outcome) => with_outcome(error, &outcome),
                            None => error,
                        },
                    );
                }
            }
            Replacement::AtRest => self.stop(old, name, context).await?,
        }
        self.client.remove(old, name).await?;
        self.rename(&id, name).await
    }

    /// Starts a new container and waits until it has reached a state and kept it
    /// for a moment: a crash after a second is as bad as one at once.
    async fn start_and_prove(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        until: Until,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.first_start(id, name, new, context).await?;
        let started = Instant::now();
        let Some(why) = self.wait(id, new, until, started, context).await? else {
            return Ok(());
        };
        let lines = self.readiness_check().last_log_lines(id).await;
        let message = format!("the new `{name}` is not ready: {why}");
        Err(Error::new(Code::ApplyIncomplete, message).detail(lines))
    }

    /// Waits until a container reaches a state, within its deadline since
    /// `begin`. Returns the reason if it does not.
    pub(crate) async fn wait(
        &self,
        id: &str,
        new: &NewContainer,
        until: Until,
        started: Instant,
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
                Readiness::Failed { why } if !keep_waiting => return Ok(Some(why)),
                Readiness::Failed { why } | Readiness::Waiting { why } => why,
            };
            if context.cancel.is_cancelled() {
                return Ok(Some(format!("the apply was stopped: {why}")));
            }
            if started.elapsed() >= limit {
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
    async fn rename(&self, id: &str, name: &str) -> Result<(), Error> {
        let mut left = RENAME_ATTEMPTS;
        loop {
            match self.client.rename(id, name).await {
                Err(_) if left > 1 => left -= 1,
                done => return done,
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Restarts the old container and its sidecars, or only stops the sidecars.
    /// Returns what became of the old container, if that is worth reporting.
    async fn restore_previous(
        &self,
        old: &str,
        name: &str,
        sidecars: &[String],
        resumes: bool,
    ) -> Option<String> {
        let started = if resumes {
            Some(self.client.start(old, name).await)
        } else {
            None
        };
        for sidecar in sidecars {
            // Their network ended when the main container stopped.
            let _ = self.client.stop(sidecar, sidecar).await;
            if resumes {
                let _ = self.client.start(sidecar, sidecar).await;
            }
        }
        started.map(|started| match started {
            Ok(()) => "restarted the previous container".to_owned(),
            Err(error) => format!("cannot restart the previous container: {}", error.chain()),
        })
    }
}

/// Adds what became of the old container to an error of the new one.
fn with_outcome(mut error: Error, outcome: &str) -> Error {
    error.message = format!("{}; {outcome}", error.message);
    error
}
