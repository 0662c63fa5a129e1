//! Lists and opens the logs of a scope's containers.

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kcc_lower::kubernetes::KubernetesDesired;
use kcc_plan::{Error, LogEntries, LogOptions, LogReader, LogSource, LogStart, Redaction, Scope};

use crate::{
    client::{Client, LogRange, LogSince, LogStreams, PodLog},
    observe, pods,
};

/// The end of the identity of the log of a container's previous run.
const PREVIOUS: &str = "previous";

/// The logs of a scope.
pub(crate) struct Logs<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) kube: &'a KubernetesDesired,
    pub(crate) options: &'a LogOptions,
    pub(crate) streams: LogStreams<'a>,
    /// The values to redact.
    pub(crate) redaction: Redaction,
}

impl LogReader for Logs<'_> {
    async fn sources(&self) -> Result<Vec<LogSource>, Error> {
        let labels = observe::labels(self.scope);
        let mut all = self.client.pods(&self.kube.namespace, &labels).await?;
        all.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
        let follow = self.options.follow;
        let own = all.iter().filter_map(|pod| {
            let component = pods::component(pod)?;
            let own = self.options.include(component);
            own.then(|| sources(pod, component, follow))
        });
        Ok(own.flatten().collect())
    }

    fn open(&self, source: &LogSource, start: LogStart) -> LogEntries<'_> {
        let (since, tail) = match start {
            LogStart::AsAsked => (
                self.options.since.map_or(LogSince::Start, LogSince::Age),
                self.options.tail,
            ),
            LogStart::After(time) => (time.map_or(LogSince::Start, LogSince::Time), None),
        };
        let range = LogRange {
            since,
            tail,
            follow: self.options.follow,
        };
        let lines = self.streams.open(log_of(source), range);
        lines
            .map(|entry| entry.map(|(time, text)| (time, self.redaction.apply(&text))))
            .boxed()
    }
}

/// Lists the logs of a pod: of each container that has started, and of its previous
/// run before that, which tells why it was started again.
fn sources(pod: &Pod, component: &str, follow: bool) -> Vec<LogSource> {
    let (Some(status), Some(name)) = (&pod.status, &pod.metadata.name) else {
        return Vec::new();
    };
    let machine = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let mut sources = Vec::new();
    for container in pods::containers(status) {
        let runs = runs(container);
        let source = |run: &str, running: bool| LogSource {
            id: format!("{name}/{}/{run}", container.name),
            component: component.to_owned(),
            name: if container.name == component {
                name.clone()
            } else {
                format!("{name}/{}", container.name)
            },
            machine: machine.clone().unwrap_or_default(),
            running,
        };
        if runs.previous && !follow {
            sources.push(source(PREVIOUS, false));
        }
        if runs.started {
            let run = container.restart_count.to_string();
            sources.push(source(&run, runs.running));
        }
    }
    sources
}

/// The runs of a container that have logs.
struct Runs {
    /// Set if there is a run before the current one.
    previous: bool,
    /// Set if there is a current run, or a last one while the next is delayed.
    started: bool,
    running: bool,
}

fn runs(container: &ContainerStatus) -> Runs {
    let state = container.state.clone().unwrap_or_default();
    let last = container.last_state.clone().unwrap_or_default();
    let current = state.running.is_some() || state.terminated.is_some();
    Runs {
        previous: current && last.terminated.is_some(),
        started: current || last.terminated.is_some(),
        running: state.running.is_some(),
    }
}

/// Returns the pod and the container of a log.
fn log_of(source: &LogSource) -> PodLog {
    let mut parts = source.id.splitn(3, '/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    PodLog {
        pod: next(),
        container: next(),
        previous: next() == PREVIOUS,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_the_logs_of_started_containers_with_their_previous_runs() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-1"},
            "spec": {"nodeName": "n1", "containers": []},
            "status": {
                "initContainerStatuses": [{
                    "name": "migrate", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                    "state": {"terminated": {"exitCode": 0}},
                }],
                "containerStatuses": [
                    {
                        "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 2,
                        "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}},
                    },
                    {
                        "name": "proxy", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                        "state": {"waiting": {"reason": "ContainerCreating"}},
                    },
                    {
                        "name": "agent", "image": "", "imageID": "", "ready": false, "restartCount": 4,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 1}},
                    },
                ],
            },
        }))
        .unwrap();
        let list = |follow| {
            let sources = sources(&pod, "web", follow).into_iter();
            let list = sources.map(|source| (source.name, source.id, source.running));
            list.collect::<Vec<_>>()
        };
        let entry = |name: &str, id: &str, running| (name.to_owned(), id.to_owned(), running);
        let current = [
            entry("web-1/migrate", "web-1/migrate/0", false),
            entry("web-1", "web-1/web/2", true),
            entry("web-1/agent", "web-1/agent/4", false),
        ];
        assert_eq!(list(true), current);
        let mut all = current.to_vec();
        all.insert(1, entry("web-1", "web-1/web/previous", false));
        assert_eq!(list(false), all);
        assert_eq!(
            log_of(&sources(&pod, "web", false)[1]),
            PodLog {
                pod: "web-1".to_owned(),
                container: "web".to_owned(),
                previous: true,
            }
        );
    }
}
