//! Whether a container is started, healthy or completed, and if not, why. The
//! engine's own check answers for commands; HTTP and TCP are asked by kcc.

use std::time::Duration;

use kcc_lower::docker::{Container, Restart};
use kcc_model::{Check, Until};
use kcc_plan::{Error, Readiness};

use crate::{
    client::{Client, Inspected},
    endpoint::Endpoint,
    observed::ContainerState,
    probe,
    secrets::Secrets,
};

/// Lines of a log that explain a failure, and characters of each.
const LINES: usize = 5;
const WIDTH: usize = 200;

/// How long a container without a check has to run before it counts as started:
/// what ends sooner was never up.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// Asks an engine about containers.
pub(crate) struct Judge<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoint: &'a Endpoint,
    /// What is taken out of answers; none where that is not known, and then
    /// nothing is quoted.
    pub(crate) secrets: Option<&'a Secrets>,
}

impl Judge<'_> {
    /// Whether the container of that name or identity is in a state. `age` is
    /// how long ago this process started it, if it did.
    pub(crate) async fn judge(
        &self,
        name: &str,
        container: &Container,
        until: Until,
        age: Option<Duration>,
    ) -> Result<Readiness, Error> {
        let Some(found) = self.client.inspect(name).await? else {
            return Ok(waiting(format!("container `{name}` is not there")));
        };
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
            None if age.is_some_and(|age| age < SETTLE) => {
                Ok(waiting("it has just started".to_owned()))
            }
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
            Check::Exec(_) => {
                return match &found.health {
                    Some((true, _)) => Ok(()),
                    Some((false, last)) if last.is_empty() => {
                        Err("its check has not answered yet".to_owned())
                    }
                    Some((false, last)) => Err(match self.quote(last) {
                        Some(last) => format!("its check says: {last}"),
                        None => "its check fails".to_owned(),
                    }),
                    None => Err("the engine does not run its check".to_owned()),
                };
            }
            Check::Http { port, .. } | Check::Tcp { port } | Check::Grpc { port } => *port,
        };
        let address = container
            .networks
            .keys()
            .find_map(|network| found.networks.get(network)?.as_deref())
            .ok_or("it has no address yet")?;
        match ask(check, address, port, limit).await {
            Ok(()) => Ok(()),
            Err(why) => {
                // Where containers live in a machine of their own, as on a
                // desktop, only what is published can be reached. A port that
                // is published accepts connections whoever listens behind it,
                // so only an HTTP answer proves anything.
                let published = found.published.get(&(port, "tcp".to_owned()));
                match (published, check) {
                    (Some(&host), Check::Http { .. }) => {
                        ask(check, self.endpoint.host(), host, limit)
                            .await
                            .map_err(|_| why)
                    }
                    _ => Err(why),
                }
            }
        }
    }

    /// Why a component failed, in the words of its own log.
    pub(crate) async fn last_words(&self, name: &str) -> Option<String> {
        self.secrets?;
        let lines = self.client.last_lines(name, LINES).await;
        let lines: Vec<_> = lines.iter().filter_map(|line| self.quote(line)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
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
        ContainerState::Restarting => {
            let times = found.restarts;
            Some(waiting(format!(
                "it ends again and again ({times} restarts): {}",
                ended(found)
            )))
        }
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
