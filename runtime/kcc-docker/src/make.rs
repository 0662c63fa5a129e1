//! How a container is made, and how a new one takes the place of another.

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
    engine::DockerEngine,
    files, init,
    observed::SUCCESSOR,
    work::{NewContainer, Replacement},
};

/// The pause between two looks at a container that is to take another's place.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a rename is tried.
const RENAMES: usize = 30;

impl DockerEngine<'_> {
    /// Makes a container with its files. What fails half-way is removed.
    pub(crate) async fn make(
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
        self.refuse_image_users(new).await?;
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

    pub(crate) async fn create(
        &self,
        name: &str,
        new: &NewContainer,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        if new.container.on_demand {
            // Under its own name it is complete: an apply that is killed while
            // the files are written leaves the other one.
            let id = self.make_whole(&format!("{name}{SUCCESSOR}"), new).await?;
            return self.client.rename(&id, name).await;
        }
        let id = self.make_whole(name, new).await?;
        let started = self.first_start(&id, name, new, context).await;
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
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.init(id, name, new, context).await?;
        self.client.start(id, name).await
    }

    /// Puts a new container in the place of an old one, which is removed once
    /// the new one has proved itself. Where it does not, the old one is in its
    /// place again, and the error says so.
    pub(crate) async fn replace(
        &self,
        name: &str,
        new: &NewContainer,
        old: &str,
        how: &Replacement,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let id = self.make_whole(&format!("{name}{SUCCESSOR}"), new).await?;
        match how {
            Replacement::Overlap => {
                let until = Until::Healthy;
                let started = self.first_start_until(&id, name, new, until, context);
                if let Err(error) = started.await {
                    let _ = self.client.remove(&id, name).await;
                    return Err(with_fate(error, "the previous one keeps running"));
                }
                self.stop(old, name, context).await?;
            }
            Replacement::StopFirst { beside, until } => {
                self.stop(old, name, context).await?;
                let started = match until {
                    Some(until) => {
                        self.first_start_until(&id, name, new, *until, context)
                            .await
                    }
                    None => self.first_start(&id, name, new, context).await,
                };
                if let Err(error) = started {
                    // It may hold what the old one needs.
                    let _ = self.client.remove(&id, name).await;
                    let resumes = until.is_some();
                    return Err(match self.fall_back(old, name, beside, resumes).await {
                        Some(fate) => with_fate(error, &fate),
                        None => error,
                    });
                }
            }
            Replacement::AtRest => self.stop(old, name, context).await?,
        }
        self.client.remove(old, name).await?;
        self.rename(&id, name).await
    }

    /// Starts a container that has just been made, and waits until it is in a
    /// state and has stayed so for a moment: what crashes a second later is no
    /// better than what crashes at once.
    async fn first_start_until(
        &self,
        id: &str,
        name: &str,
        new: &NewContainer,
        until: Until,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.first_start(id, name, new, context).await?;
        let begin = Instant::now();
        let Some(why) = self.wait(id, new, until, begin, context).await? else {
            return Ok(());
        };
        let words = self.judge().last_words(id).await;
        let message = format!("the new `{name}` is not ready: {why}");
        Err(Error::new(Code::ApplyIncomplete, message).detail(words))
    }

    /// Waits until a container is in a state, for as long as it has since it
    /// began; why it is not in the end.
    pub(crate) async fn wait(
        &self,
        id: &str,
        new: &NewContainer,
        until: Until,
        begin: Instant,
        context: &Context<'_>,
    ) -> Result<Option<String>, Error> {
        let limit = Duration::from_millis(new.deadline_ms);
        let component = new.container.component.as_str();
        let mut told = BTreeSet::new();
        loop {
            let judge = self.judge();
            let answer = judge.judge_successor(id, &new.container, until);
            let why = match answer.await? {
                Readiness::Ready => return Ok(None),
                Readiness::Failed { why } => return Ok(Some(why)),
                Readiness::Waiting { why } => why,
            };
            if context.cancel.is_cancelled() {
                return Ok(Some(format!("the apply was stopped while {why}")));
            }
            if begin.elapsed() >= limit {
                return Ok(Some(format!("{why} (after {} s)", limit.as_secs())));
            }
            if !told.contains(&why) {
                let why = why.as_str();
                context.reporter.event(&Event::Waiting {
                    component,
                    until,
                    why,
                });
                told.insert(why.to_owned());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Renames a container that runs. The engine refuses that for a moment while
    /// it starts the container again.
    async fn rename(&self, id: &str, name: &str) -> Result<(), Error> {
        let mut left = RENAMES;
        loop {
            match self.client.rename(id, name).await {
                Err(_) if left > 1 => left -= 1,
                done => return done,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Starts what was stopped again, or lets its sidecars end as well; what
    /// became of the old one, where that is worth telling.
    async fn fall_back(
        &self,
        old: &str,
        name: &str,
        beside: &[String],
        resumes: bool,
    ) -> Option<String> {
        let started = if resumes {
            Some(self.client.start(old, name).await)
        } else {
            None
        };
        for sidecar in beside {
            // The network that it shares ended when its main container stopped.
            let _ = self.client.stop(sidecar, sidecar).await;
            if resumes {
                let _ = self.client.start(sidecar, sidecar).await;
            }
        }
        started.map(|started| match started {
            Ok(()) => "the previous one was started again".to_owned(),
            Err(error) => format!(
                "the previous one could not be started again: {}",
                error.chain()
            ),
        })
    }
}

/// An error of a new container, with what became of the one before.
fn with_fate(mut error: Error, fate: &str) -> Error {
    error.message = format!("{}; {fate}", error.message);
    error
}

pub(crate) fn cannot_pack(name: &str, error: std::io::Error) -> Error {
    let message = format!("the files of `{name}` cannot be packed");
    Error::new(Code::ApplyRefused, message).cause(error)
}
