//! Whether a container is started, healthy or completed, and if not, why. The
//! engine's own check answers for commands; HTTP and TCP are asked by kcc.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kcc_lower::docker::{Container, Restart};
use kcc_model::{Check, Until};
use kcc_plan::{Error, Readiness, Secrets};

use crate::{
    client::{Client, EngineHealth, Inspected},
    endpoint::Endpoint,
    observed::ContainerState,
    probe,
};

/// Lines of a log that explain a failure, and characters of each.
const LINES: usize = 5;
const WIDTH: usize = 200;

/// How long a container without a check has to run before it counts as started:
/// what ends sooner was never up.
const SETTLE: Duration = Duration::from_secs(1);

/// Containers as this process saw them run: how long each has gone on since.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Those that this process started, by identity.
    fresh: Mutex<BTreeSet<String>>,
    /// When they were seen first, and the start that was theirs then.
    seen: Mutex<BTreeMap<String, (String, Instant)>>,
}

impl Sightings {
    /// This process started it.
    pub(crate) fn started(&self, id: &str) {
        lock(&self.fresh).insert(id.to_owned());
    }

    /// Whether it has run long enough. One that nobody started just now and
    /// that never ended is taken at its word.
    fn settled(&self, found: &Inspected) -> bool {
        if found.restarts == 0 && !lock(&self.fresh).contains(&found.id) {
            return true;
        }
        let now = (found.started_at.clone(), Instant::now());
        let mut seen = lock(&self.seen);
        let first = seen.entry(found.id.clone()).or_insert_with(|| now.clone());
        if first.0 != now.0 {
            *first = now;
        }
        first.1.elapsed() >= SETTLE
    }
}

/// What a thread that panicked left is still a list of sightings.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks an engine about containers.
pub(crate) struct Judge<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    /// What is taken out of answers; none where that is not known, and then
    /// nothing is quoted.
    pub(crate) secrets: Option<&'a Secrets>,
    pub(crate) sightings: &'a Sightings,
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
            return Ok(waiting(format!("container `{name}` is not there")));
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
        match &container.health {
            Some(health) if until == Until::Healthy => {
                let limit = Duration::from_millis(health.timeout_ms.max(1));
                Ok(
                    match self.check(&found, container, &health.check, limit).await {
                        Ok(()) => Readiness::Ready,
                        Err(why) => waiting(why),
                    },
                )
            }
            None if !self.sightings.settled(&found) => Ok(waiting(match found.restarts {
                0 => "it has just started".to_owned(),
                times => again(times, &found),
            })),
            _ => Ok(Readiness::Ready),
        }
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
            .find_map(|address| address.as_deref())
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
        ContainerState::Exited(_) | ContainerState::Dead => Readiness::Failed { why: ended(found) },
        ContainerState::Restarting => waiting(format!("{}, and is tried again", ended(found))),
        ContainerState::Created => waiting("it is not started".to_owned()),
        ContainerState::Running | ContainerState::Paused => waiting("it still runs".to_owned()),
    }
}

/// Why a container that should run does not.
fn not_running(found: &Inspected, container: &Container) -> Option<Readiness> {
    match found.state {
        ContainerState::Running => None,
        ContainerState::Created => Some(waiting(match &found.error {
            Some(error) => format!("it cannot start: {error}"),
            None => "it is not started".to_owned(),
        })),
        ContainerState::Paused => Some(waiting("it is paused".to_owned())),
        ContainerState::Restarting => Some(waiting(again(found.restarts, found))),
        // One that is started for ever again passes through here.
        ContainerState::Exited(_)
            if container.restart == Restart::UnlessStopped && found.restarts > 0 =>
        {
            Some(waiting(ended(found)))
        }
        ContainerState::Exited(_) | ContainerState::Dead => {
            Some(Readiness::Failed { why: ended(found) })
        }
    }
}

fn again(restarts: i64, found: &Inspected) -> String {
    format!(
        "it ends again and again ({restarts} restarts): {}",
        ended(found)
    )
}

fn ended(found: &Inspected) -> String {
    let code = format!("it ended with exit code {}", found.exit_code);
    match &found.error {
        _ if found.out_of_memory => format!("{code}: it needed more memory than its limit"),
        Some(error) => format!("{code}: {error}"),
        None => code,
    }
}

fn waiting(why: String) -> Readiness {
    Readiness::Waiting { why }
}
