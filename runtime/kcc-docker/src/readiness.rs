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
use kcc_plan::{Error, Readiness, Secrets};

use crate::{
    client::{Client, EngineHealth, Inspected},
    drift::size,
    endpoint::Endpoint,
    observed::ContainerState,
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
}

impl ReadinessCheck<'_> {
    /// Checks if the container of that name or identity has reached a state.
    pub(crate) async fn run(
        &self,
        name: &str,
        container: &Container,
        until: Until,
    ) -> Result<Readiness, Error> {
        let Some(found) = self.client.inspect(name).await? else {
            return Ok(waiting(format!("container `{name}` does not exist")));
        };
        if container.on_demand && until != Until::Completed {
            return Ok(Readiness::Ready);
        }
        if until == Until::Completed {
            return Ok(completed(&found));
        }
        if let Some(answer) = not_running(&found, container) {
            return Ok(answer);
        }
        let up = found.state == ContainerState::Running && found.uptime >= STABLE_AFTER;
        let ended = found.state != ContainerState::Running
            || (found.restarts > 0 && found.uptime < RECOVERED_AFTER);
        // Without a check of its own a container inherits that of its image.
        let inherits = container.health.is_none();
        let checked_by_image = inherits && found.health.is_some();
        if ended && !(up && (checked_by_image || !inherits)) {
            return Ok(self.crash_loop(&found).await);
        }
        match &container.health {
            None if until == Until::Healthy && checked_by_image => {
                Ok(match self.check_of_image(&found).await {
                    Ok(()) => Readiness::Ready,
                    Err(_) if ended => self.crash_loop(&found).await,
                    Err(why) => waiting(why),
                })
            }
            None if until == Until::Healthy && container.has_image_health => {
                Ok(Readiness::Failed {
                    why: format!("image `{}` has no health check", container.image),
                })
            }
            Some(health) if until == Until::Healthy => {
                let limit = Duration::from_millis(health.timeout_ms.max(1));
                let result = self.check_health(&found, container, &health.check, limit);
                Ok(match result.await {
                    Ok(()) => Readiness::Ready,
                    Err(_) if ended => self.crash_loop(&found).await,
                    Err(why) => waiting(why),
                })
            }
            None if !up => Ok(waiting("started a moment ago".to_owned())),
            _ => Ok(Readiness::Ready),
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
            waiting("started a moment ago".to_owned())
        })
    }

    /// Answers for a container that exited and that the engine restarts.
    async fn crash_loop(&self, found: &Inspected) -> Readiness {
        let code = match found.state {
            ContainerState::Running => self.client.last_exit_code(&found.id).await,
            _ => Some(found.exit_code),
        };
        let why = match code {
            Some(code) => format!("crash loop: {}", exit(code, found)),
            None => "crash loop".to_owned(),
        };
        let over = match self.first_exits {
            // A container that is running may have recovered.
            Some(first_exits) => {
                first_exits.since_first(&found.id) >= GIVE_UP_AFTER
                    && found.state != ContainerState::Running
            }
            None => true,
        };
        if !over {
            return waiting(why);
        }
        let times = match found.restarts {
            1 => "1 restart".to_owned(),
            times => format!("{times} restarts"),
        };
        let why = format!("{why} ({times})");
        Readiness::Failed { why }
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

fn completed(found: &Inspected) -> Readiness {
    match found.state {
        ContainerState::Exited(0) => Readiness::Ready,
        ContainerState::Exited(_) | ContainerState::Dead => {
            Readiness::Failed { why: exited(found) }
        }
        ContainerState::Restarting => waiting(format!("{}, restarting", exited(found))),
        ContainerState::Created => waiting("not started".to_owned()),
        ContainerState::Running | ContainerState::Paused => waiting("still running".to_owned()),
    }
}

/// Returns the reason why a container does not run, unless the engine restarts it.
fn not_running(found: &Inspected, container: &Container) -> Option<Readiness> {
    match found.state {
        ContainerState::Running | ContainerState::Restarting => None,
        ContainerState::Created => Some(waiting(match &found.error {
            Some(error) => format!("cannot start: {error}"),
            None => "not started".to_owned(),
        })),
        ContainerState::Paused => Some(waiting("paused".to_owned())),
        // A restart passes through this state.
        ContainerState::Exited(_)
            if container.restart == Restart::UnlessStopped
                && found.restarts > 0
                && found.ended_for < STABLE_AFTER =>
        {
            None
        }
        ContainerState::Exited(_) | ContainerState::Dead => {
            Some(Readiness::Failed { why: exited(found) })
        }
    }
}

fn exited(found: &Inspected) -> String {
    format!("exited with {}", exit(found.exit_code, found))
}

/// Describes an exit code with the engine's reason for it.
fn exit(code: i64, found: &Inspected) -> String {
    let code = format!("exit code {code}");
    match &found.error {
        _ if found.out_of_memory => match found.memory {
            Some(limit) => format!("{code}, out of memory (limit {})", size(limit)),
            None => format!("{code}, out of memory"),
        },
        Some(error) => format!("{code}: {error}"),
        None => code,
    }
}

fn waiting(why: String) -> Readiness {
    Readiness::Waiting { why }
}
