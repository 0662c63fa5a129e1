//! Whether a container is started, healthy or completed, and if not, why. The
//! engine's own check answers for commands; HTTP and TCP are asked by kcc.
//!
//! A container that ended is started again by the engine, and looks well each
//! time for a moment. So one that ended counts as up only once it has run for a
//! while, and one that goes on ending is given up after [`PATIENCE`].

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

/// Lines of a log that explain a failure, and characters of each.
const LINES: usize = 5;
const WIDTH: usize = 200;

/// How long a container has to run before it counts as up, where no check says
/// so or where it takes another's place: what ends sooner never was.
const PROVEN: Duration = Duration::from_secs(3);
/// How long a container that ended has to run before its ends are forgotten;
/// the engine, too, begins its growing pauses again after that time.
const RECOVERED: Duration = Duration::from_secs(10);
/// How long one that ends again and again may go on until it is given up: less
/// than the five seconds after which an apply says so.
const PATIENCE: Duration = Duration::from_secs(4);

/// When this process first saw each container end, by identity.
#[derive(Debug, Default)]
pub(crate) struct Endings(Mutex<BTreeMap<String, Instant>>);

impl Endings {
    /// The time since a container that ended was first seen to.
    fn since_first(&self, id: &str) -> Duration {
        // What a thread that panicked left is still a list of times.
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first
            .entry(id.to_owned())
            .or_insert_with(Instant::now)
            .elapsed()
    }
}

/// Asks an engine about containers.
pub(crate) struct Judge<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    /// What is taken out of answers; none where that is not known, and then
    /// nothing is quoted.
    pub(crate) secrets: Option<&'a Secrets>,
    /// None for a command that looks once: it has no time to see whether a
    /// container recovers.
    pub(crate) endings: Option<&'a Endings>,
}

impl Judge<'_> {
    /// Whether the container of that name or identity is in a state.
    pub(crate) async fn judge(
        &self,
        name: &str,
        container: &Container,
        until: Until,
    ) -> Result<Readiness, Error> {
        let Some(found) = self.client.inspect(name).await? else {
            return Ok(waiting(format!("container `{name}` does not exist")));
        };
        if container.on_demand {
            return Ok(Readiness::Ready);
        }
        if until == Until::Completed {
            return Ok(completed(&found));
        }
        if let Some(answer) = not_running(&found, container) {
            return Ok(answer);
        }
        let up = found.state == ContainerState::Running && found.uptime >= PROVEN;
        let ended = found.state != ContainerState::Running
            || (found.restarts > 0 && found.uptime < RECOVERED);
        if ended && !(up && container.health.is_some()) {
            return Ok(self.crash_loop(&found).await);
        }
        match &container.health {
            Some(health) if until == Until::Healthy => {
                let limit = Duration::from_millis(health.timeout_ms.max(1));
                let check = self.check(&found, container, &health.check, limit);
                Ok(match check.await {
                    Ok(()) => Readiness::Ready,
                    Err(_) if ended => self.crash_loop(&found).await,
                    Err(why) => waiting(why),
                })
            }
            None if !up => Ok(waiting("started a moment ago".to_owned())),
            _ => Ok(Readiness::Ready),
        }
    }

    /// As [`Judge::judge`], of a container that takes another's place: it also
    /// has to have stayed up for a while.
    pub(crate) async fn judge_successor(
        &self,
        id: &str,
        container: &Container,
        until: Until,
    ) -> Result<Readiness, Error> {
        match self.judge(id, container, until).await? {
            Readiness::Ready if until != Until::Completed => {}
            other => return Ok(other),
        }
        let found = self.client.inspect(id).await?;
        let proven = found.is_some_and(|found| found.uptime >= PROVEN);
        Ok(if proven {
            Readiness::Ready
        } else {
            waiting("started a moment ago".to_owned())
        })
    }

    /// The answer for a container that ended and is started by the engine again.
    async fn crash_loop(&self, found: &Inspected) -> Readiness {
        let code = match found.state {
            ContainerState::Running => self.client.last_exit_code(&found.id).await,
            _ => Some(found.exit_code),
        };
        let why = match code {
            Some(code) => format!("crash loop: {}", exit(code, found)),
            None => "crash loop".to_owned(),
        };
        let over = match self.endings {
            // One that runs at this moment may have recovered.
            Some(endings) => {
                endings.since_first(&found.id) >= PATIENCE && found.state != ContainerState::Running
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

    async fn check(
        &self,
        found: &Inspected,
        container: &Container,
        check: &Check,
        limit: Duration,
    ) -> Result<(), String> {
        let port = match check {
            Check::Exec(command) => return self.command(found, command, limit).await,
            Check::Http { port, .. } | Check::Tcp { port } | Check::Grpc { port } => *port,
        };
        // A sidecar listens in the network of its main container.
        let main = match &container.sidecar_of {
            Some(main) => self.client.inspect(main).await.map_err(|e| e.chain())?,
            None => None,
        };
        let found = main.as_ref().unwrap_or(found);
        let address = found
            .networks
            .values()
            .find_map(|attached| attached.address.as_deref())
            .ok_or("it has no address yet")?;
        match ask(check, address, port, limit).await {
            Ok(()) => Ok(()),
            Err(why) => {
                // Where containers live in a machine of their own, as on a
                // desktop, only what is published can be reached.
                match found.published.get(&(port, "tcp".to_owned())) {
                    Some(&host) => {
                        let published = through(check, self.endpoint.host(), host, limit).await;
                        published.map_err(|_| why)
                    }
                    None => Err(why),
                }
            }
        }
    }

    /// What a command says: the engine's last run of it, or one of kcc's own
    /// where the engine still waits for its first interval to pass.
    async fn command(
        &self,
        found: &Inspected,
        command: &[String],
        limit: Duration,
    ) -> Result<(), String> {
        let last = match &found.health {
            None => return Err("the engine does not run its check".to_owned()),
            Some(EngineHealth::Healthy) => return Ok(()),
            Some(EngineHealth::Failing(last)) => last.clone(),
            Some(EngineHealth::Starting) => {
                let run = self.client.run_check(&found.id, command);
                match tokio::time::timeout(limit, run).await {
                    Err(_) => return Err(format!("its check did not answer within {limit:?}")),
                    Ok(Err(error)) => return Err(error.chain()),
                    Ok(Ok(ran)) if ran.exit_code == 0 => return Ok(()),
                    Ok(Ok(ran)) => ran.output.trim().to_owned(),
                }
            }
        };
        Err(match self.quote(&last).filter(|last| !last.is_empty()) {
            Some(last) => format!("its check says: {last}"),
            None => "its check fails".to_owned(),
        })
    }

    /// The last lines that a container wrote; none where secrets cannot be
    /// taken out of them.
    pub(crate) async fn last_words(&self, name: &str) -> Vec<String> {
        if self.secrets.is_none() {
            return Vec::new();
        }
        let lines = self.client.last_lines(name, LINES).await;
        lines.iter().filter_map(|line| self.quote(line)).collect()
    }

    /// A text of the application's, bounded and without secrets.
    fn quote(&self, text: &str) -> Option<String> {
        let text = self.secrets?.redact(text);
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Some(plain.take(WIDTH).collect())
    }
}

async fn ask(check: &Check, host: &str, port: u16, limit: Duration) -> Result<(), String> {
    match check {
        Check::Http { path, .. } => probe::http(host, port, path, limit).await,
        _ => probe::tcp(host, port, limit).await,
    }
}

/// As `ask`, through a published port: the engine's forwarder takes connections
/// whoever listens behind it, and ends those that nobody takes.
async fn through(check: &Check, host: &str, port: u16, limit: Duration) -> Result<(), String> {
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
        ContainerState::Restarting => waiting(format!("{}, starting again", exited(found))),
        ContainerState::Created => waiting("not started".to_owned()),
        ContainerState::Running | ContainerState::Paused => waiting("still running".to_owned()),
    }
}

/// Why a container that should run does not, unless the engine starts it again.
fn not_running(found: &Inspected, container: &Container) -> Option<Readiness> {
    match found.state {
        ContainerState::Running | ContainerState::Restarting => None,
        ContainerState::Created => Some(waiting(match &found.error {
            Some(error) => format!("cannot start: {error}"),
            None => "not started".to_owned(),
        })),
        ContainerState::Paused => Some(waiting("paused".to_owned())),
        // One that is started again passes through here.
        ContainerState::Exited(_)
            if container.restart == Restart::UnlessStopped
                && found.restarts > 0
                && found.ended_for < PROVEN =>
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

/// An exit code, with what the engine knows about its reason.
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
