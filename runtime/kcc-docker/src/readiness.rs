//! [`ReadinessCheck`] determines if a container is started, healthy or completed
//! and, if not, why. The engine runs health checks that are commands; kcc itself
//! probes HTTP and TCP.
//!
//! A container in a crash loop looks fine for a moment after each restart. One that
//! has exited before therefore counts as up only after running for a while, and
//! one that keeps exiting fails for good after [`GIVE_UP_AFTER`].

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use kcc_lower::docker::{Container, Restart};
use kcc_model::{Check, Until};
use kcc_plan::{Cause, Error, Readiness, Secrets};

use crate::{
    causes::{self, Exit},
    client::{Client, EngineHealth, Inspected},
    endpoint::Endpoint,
    observed::{ContainerState, ObservedImage},
    probe,
};

/// The number of log lines that explain a failure, and the characters of each.
const LINES: usize = 5;
const WIDTH: usize = 200;

/// The time that a check of an image may take if kcc runs it before the engine does.
const IMAGE_CHECK_LIMIT: Duration = Duration::from_secs(5);

/// The time a container has to run before it counts as up, if it has no health
/// check or replaces another: one that exits sooner never worked.
const STABLE_AFTER: Duration = Duration::from_secs(3);
/// The time a restarted container has to run before its exits are forgotten. The
/// engine resets its growing restart delay after the same time.
const RECOVERED_AFTER: Duration = Duration::from_secs(10);
/// The duration of a crash loop after which it is final. Less than the five
/// seconds within which an apply should report it.
const GIVE_UP_AFTER: Duration = Duration::from_secs(4);

/// The times at which this process first saw each container exited, by identity.
#[derive(Debug, Default)]
pub(crate) struct FirstExits(Mutex<BTreeMap<String, Instant>>);

impl FirstExits {
    /// Returns the time since a container was first seen exited.
    fn since_first(&self, id: &str) -> Duration {
        // A poisoned map still holds valid times.
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first
            .entry(id.to_owned())
            .or_insert_with(Instant::now)
            .elapsed()
    }
}

/// Determines the readiness of containers.
pub(crate) struct ReadinessCheck<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    /// The secrets to redact from output; none if they are not known, in which
    /// case no output is quoted.
    pub(crate) secrets: Option<&'a Secrets>,
    /// None for a command that checks once: it cannot wait to see if a container
    /// recovers.
    pub(crate) first_exits: Option<&'a FirstExits>,
    /// Set to read all that explains why a container is not ready.
    pub(crate) explains: bool,
}

impl ReadinessCheck<'_> {
    /// Checks if the container of that name or identity has reached a state.
    pub(crate) async fn run(
        &self,
        name: &str,
        container: &Container,
        until: Until,
    ) -> Result<Readiness, Error> {
        let look = self.look(name, container, until).await?;
        let answer = look.judge(name, container, until);
        let (Readiness::Failed(_), Some(first_exits), Some(found)) =
            (&answer, self.first_exits, &look.found)
        else {
            return Ok(answer);
        };
        // A container that is restarted may recover, in particular one that is running.
        let recovers = look.is_crash_loop(container)
            && until != Until::Completed
            && (first_exits.since_first(&found.id) < GIVE_UP_AFTER
                || found.state == ContainerState::Running);
        Ok(match answer.cause() {
            Some(cause) if recovers => Readiness::Waiting(cause),
            Some(cause) => Readiness::Failed(cause),
            None => Readiness::Ready,
        })
    }

    /// Reads what the state of a container follows from: the health check is made only
    /// if it decides.
    pub(crate) async fn look(
        &self,
        name: &str,
        container: &Container,
        until: Until,
    ) -> Result<Look, Error> {
        let found = self.client.inspect(name).await?;
        let mut look = Look {
            found,
            ..Look::default()
        };
        if let Some(found) = &look.found {
            let runs = matches!(
                found.state,
                ContainerState::Running | ContainerState::Restarting
            );
            if runs && until == Until::Healthy && !container.on_demand {
                look.answer = self.answer(found, container).await;
            }
            look.exit = match found.state {
                ContainerState::Running if found.restarts > 0 => {
                    self.client.last_exit_code(&found.id).await
                }
                _ => Some(found.exit_code),
            };
        }
        if self.explains && look.judge(name, container, until) != Readiness::Ready {
            look.log = self.last_log_lines(name).await;
            look.image = self.client.image(&container.image).await?;
            look.has_image = Some(look.image.is_some());
        }
        Ok(look)
    }

    /// Makes the health check of a container; none if it has none.
    async fn answer(&self, found: &Inspected, container: &Container) -> Option<Result<(), String>> {
        match &container.health {
            None if found.health.is_some() => Some(self.check_of_image(found).await),
            None => None,
            Some(health) => {
                let limit = Duration::from_millis(health.timeout_ms.max(1));
                Some(
                    self.check_health(found, container, &health.check, limit)
                        .await,
                )
            }
        }
    }

    /// Checks a container that replaces another: it must also have stayed up for
    /// a while.
    pub(crate) async fn run_for_successor(
        &self,
        id: &str,
        container: &Container,
        until: Until,
    ) -> Result<Readiness, Error> {
        match self.run(id, container, until).await? {
            Readiness::Ready if until != Until::Completed => {}
            other => return Ok(other),
        }
        let found = self.client.inspect(id).await?;
        let proven = found.is_some_and(|found| found.uptime >= STABLE_AFTER);
        Ok(if proven {
            Readiness::Ready
        } else {
            waiting("started a moment ago")
        })
    }

    async fn check_health(
        &self,
        found: &Inspected,
        container: &Container,
        check: &Check,
        limit: Duration,
    ) -> Result<(), String> {
        let port = match check {
            Check::Exec(command) => return self.check_command(found, command, limit).await,
            Check::Image { .. } => return self.check_of_image(found).await,
            Check::Http { port, .. } | Check::Tcp { port } | Check::Grpc { port } => *port,
        };
        // A sidecar listens in the network of its main container.
        let main = match &container.sidecar_of {
            Some(main) => self.client.inspect(main).await.map_err(|e| e.chain())?,
            None => None,
        };
        let found = main.as_ref().unwrap_or(found);
        let mut networks = found.networks.values();
        let address = if found.on_host {
            Some(self.endpoint.host())
        } else {
            networks.find_map(|attached| attached.address.as_deref())
        };
        let address = address.ok_or("no address yet")?;
        match probe_port(check, address, port, limit).await {
            Ok(()) => Ok(()),
            Err(why) => {
                // If containers run in a virtual machine, as with Docker Desktop,
                // only published ports are reachable.
                match found.published.get(&(port, "tcp".to_owned())) {
                    Some(&host) => {
                        let published =
                            probe_published(check, self.endpoint.host(), host, limit).await;
                        published.map_err(|_| why)
                    }
                    None => Err(why),
                }
            }
        }
    }

    /// Checks the command of the image.
    async fn check_of_image(&self, found: &Inspected) -> Result<(), String> {
        let command = found.health_command.as_deref().unwrap_or_default();
        self.check_command(found, command, IMAGE_CHECK_LIMIT).await
    }

    /// Checks a command: takes the engine's last result, or runs the command while
    /// the engine is still waiting for its first interval.
    async fn check_command(
        &self,
        found: &Inspected,
        command: &[String],
        limit: Duration,
    ) -> Result<(), String> {
        let last = match &found.health {
            None => return Err("its health check is not running".to_owned()),
            Some(EngineHealth::Healthy) => return Ok(()),
            Some(EngineHealth::Failing(last)) => last.clone(),
            Some(EngineHealth::Starting) => {
                let run = self.client.run_check(&found.id, command);
                match tokio::time::timeout(limit, run).await {
                    Err(_) => return Err(format!("health check timed out after {limit:?}")),
                    Ok(Err(error)) => return Err(error.chain()),
                    Ok(Ok(ran)) if ran.exit_code == 0 => return Ok(()),
                    Ok(Ok(ran)) => ran.output.trim().to_owned(),
                }
            }
        };
        Err(match self.quote(&last).filter(|last| !last.is_empty()) {
            Some(last) => format!("health check failed: {last}"),
            None => "health check failed".to_owned(),
        })
    }

    /// Returns the end of a container's log; nothing if secrets cannot be redacted.
    pub(crate) async fn last_log_lines(&self, name: &str) -> Vec<String> {
        if self.secrets.is_none() {
            return Vec::new();
        }
        let lines = self.client.last_lines(name, LINES).await;
        lines.iter().filter_map(|line| self.quote(line)).collect()
    }

    /// Quotes output of the application, bounded and with secrets redacted.
    fn quote(&self, text: &str) -> Option<String> {
        let text = self.secrets?.redact(text);
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Some(plain.take(WIDTH).collect())
    }
}

async fn probe_port(check: &Check, host: &str, port: u16, limit: Duration) -> Result<(), String> {
    match check {
        Check::Http { path, .. } => probe::http(host, port, path, limit).await,
        _ => probe::tcp(host, port, limit).await,
    }
}

/// Probes through a published port. The engine's proxy accepts every connection
/// and closes those that nothing in the container accepts.
async fn probe_published(
    check: &Check,
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<(), String> {
    match check {
        Check::Http { path, .. } => probe::http(host, port, path, limit).await,
        _ => probe::held(host, port, limit).await,
    }
}

/// The facts from which the readiness of a container follows, as read at one moment.
#[derive(Default)]
pub(crate) struct Look {
    pub(crate) found: Option<Inspected>,
    /// The exit code of its last run.
    pub(crate) exit: Option<i64>,
    /// The answer of its health check; none if it was not made.
    pub(crate) answer: Option<Result<(), String>>,
    /// The end of its log, with secrets redacted; empty while an apply waits.
    pub(crate) log: Vec<String>,
    /// Its image, and whether the engine has it; unknown while an apply waits.
    pub(crate) image: Option<ObservedImage>,
    pub(crate) has_image: Option<bool>,
}

impl Look {
    /// Judges a container. One that the engine restarts has failed as far as one look
    /// can tell.
    pub(crate) fn judge(&self, name: &str, container: &Container, until: Until) -> Readiness {
        let cause = |exit| causes::of(name, container, self, exit);
        let Some(found) = &self.found else {
            return Readiness::Waiting(cause(None));
        };
        if until == Until::Completed {
            return self.completed(found, cause);
        }
        if container.on_demand {
            return Readiness::Ready;
        }
        if let Some(answer) = self.not_running(found, container, cause) {
            return answer;
        }
        let up = found.state == ContainerState::Running && found.uptime >= STABLE_AFTER;
        // Without a check of its own a container inherits that of its image.
        let checked = container.health.is_some() || found.health.is_some();
        let ended = self.is_crash_loop(container);
        let crash = || cause(Some(Exit::new(self.exit, true)));
        if ended && !(up && checked) {
            return Readiness::Failed(crash());
        }
        match &self.answer {
            _ if until != Until::Healthy => {
                if up || container.health.is_some() {
                    Readiness::Ready
                } else {
                    Readiness::Waiting(Cause::progress("started a moment ago"))
                }
            }
            Some(Err(_)) if ended => Readiness::Failed(crash()),
            Some(Err(_)) => Readiness::Waiting(cause(None)),
            None if container.has_image_health => Readiness::Failed(cause(None)),
            None if !up => Readiness::Waiting(Cause::progress("started a moment ago")),
            None | Some(Ok(())) => Readiness::Ready,
        }
    }

    /// Returns true if the container exited and the engine restarts it, until it has run
    /// for a while.
    fn is_crash_loop(&self, container: &Container) -> bool {
        self.found.as_ref().is_some_and(|found| match found.state {
            ContainerState::Running => found.restarts > 0 && found.uptime < RECOVERED_AFTER,
            ContainerState::Restarting => true,
            ContainerState::Exited(_) => is_between_runs(found, container),
            _ => false,
        })
    }

    fn completed(&self, found: &Inspected, cause: impl Fn(Option<Exit>) -> Cause) -> Readiness {
        let exit = || cause(Some(Exit::new(self.exit, false)));
        match found.state {
            ContainerState::Exited(0) => Readiness::Ready,
            ContainerState::Exited(_) | ContainerState::Dead => Readiness::Failed(exit()),
            ContainerState::Restarting => {
                let cause = exit();
                Readiness::Waiting(Cause {
                    message: format!("{}, restarting", cause.message),
                    ..cause
                })
            }
            ContainerState::Created | ContainerState::Paused => Readiness::Waiting(cause(None)),
            ContainerState::Running => Readiness::Waiting(Cause::progress("still running")),
        }
    }

    /// Answers for a container that does not run, unless the engine restarts it.
    fn not_running(
        &self,
        found: &Inspected,
        container: &Container,
        cause: impl Fn(Option<Exit>) -> Cause,
    ) -> Option<Readiness> {
        match found.state {
            ContainerState::Running | ContainerState::Restarting => None,
            ContainerState::Created | ContainerState::Paused => {
                Some(Readiness::Waiting(cause(None)))
            }
            ContainerState::Exited(_) if is_between_runs(found, container) => None,
            ContainerState::Exited(_) | ContainerState::Dead => {
                Some(Readiness::Failed(cause(Some(Exit::new(self.exit, false)))))
            }
        }
    }
}

/// Returns true for a container that has exited and that the engine starts again at once.
fn is_between_runs(found: &Inspected, container: &Container) -> bool {
    container.restart == Restart::UnlessStopped
        && found.restarts > 0
        && found.ended_for < STABLE_AFTER
}

fn waiting(why: &str) -> Readiness {
    Readiness::Waiting(Cause::progress(why))
}
