//! Lists the containers of a scope that commands can run in.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kcc_lower::kubernetes::KubernetesDesired;
use kcc_plan::{Error, ExecContainer, ExecEngine, ExecOptions, Scope};

use crate::{
    client::{Client, PodExec, RunningCommand},
    observe, pods,
};

/// The label with the ordinal of a pod of a `StatefulSet`.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The containers of a scope.
pub(crate) struct Containers<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
    pub(crate) kube: &'a KubernetesDesired,
}

impl ExecEngine for Containers<'_> {
    type Process = RunningCommand;

    async fn containers(&self, component: &str) -> Result<Vec<ExecContainer>, Error> {
        let labels = observe::labels(self.scope);
        let all = self.client.pods(&self.kube.namespace, &labels).await?;
        Ok(running(all, component))
    }

    async fn start(
        &self,
        container: &ExecContainer,
        options: &ExecOptions,
    ) -> Result<RunningCommand, Error> {
        let pod = PodExec {
            namespace: &self.kube.namespace,
            pod: &container.id,
            container: &container.container,
        };
        self.client.start_command(pod, options).await
    }
}

/// Lists the running containers of a component. Replicas are numbered from 1, by the
/// ordinals of a `StatefulSet`, and otherwise by age.
fn running(all: Vec<Pod>, component: &str) -> Vec<ExecContainer> {
    let mut own: Vec<_> = all
        .into_iter()
        .filter(|pod| pods::component(pod) == Some(component))
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .collect();
    own.sort_by(|one, other| {
        let key = |pod: &Pod| {
            let metadata = &pod.metadata;
            let labels = metadata.labels.as_ref();
            let index = labels.and_then(|labels| labels.get(POD_INDEX)?.parse::<u32>().ok());
            let created = metadata.creation_timestamp.clone();
            (index, created, metadata.name.clone())
        };
        key(one).cmp(&key(other))
    });
    // The pod of a run that has ended does not count.
    let ended = |pod: &Pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    let own = own.iter().filter(|pod| !ended(pod));
    let containers = own.zip(1..).flat_map(|(pod, replica)| {
        let status = pod.status.iter();
        let containers = status
            .flat_map(pods::containers)
            .filter(|container| runs(container));
        containers.map(move |container| ExecContainer {
            id: pod.metadata.name.clone().unwrap_or_default(),
            container: container.name.clone(),
            replica,
            ready: pods::is_ready(pod),
        })
    });
    containers.collect()
}

fn runs(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state.is_some_and(|state| state.running.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, created: &str, index: Option<&str>, phase: &str) -> Pod {
        let mut pod = json!({
            "metadata": {
                "name": name,
                "creationTimestamp": created,
                "labels": {"app.kubernetes.io/component": "web", "app.kubernetes.io/name": "web"},
            },
            "status": {
                "phase": phase,
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [
                    {"name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                     "state": {"running": {}}},
                    {"name": "proxy", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                     "state": {"waiting": {}}},
                ],
            },
        });
        if let Some(index) = index {
            pod["metadata"]["labels"][POD_INDEX] = json!(index);
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn numbers_replicas_by_ordinal_and_by_age() {
        let (old, new) = ("2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z");
        let list = |pods: Vec<Pod>| {
            let found = running(pods, "web").into_iter();
            let found = found.map(|one| (one.replica, one.id, one.container));
            found.collect::<Vec<_>>()
        };
        let entry = |replica, pod: &str| (replica, pod.to_owned(), "web".to_owned());
        let deployment = vec![
            pod("web-a", new, None, "Running"),
            pod("web-b", old, None, "Running"),
            pod("web-c", old, None, "Failed"),
        ];
        assert_eq!(list(deployment), [entry(1, "web-b"), entry(2, "web-a")]);
        let set = vec![
            pod("web-10", old, Some("10"), "Running"),
            pod("web-2", new, Some("2"), "Running"),
        ];
        assert_eq!(list(set), [entry(1, "web-2"), entry(2, "web-10")]);
    }
}
