//! The pods of a component, and predicates for ready, started and image problems.
//! Pure.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ContainerStatus, Pod, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kcc_lower::kubernetes::Object;

use crate::{live::Live, observed::label};

/// The label that links a pod to its Job.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";
/// The labels of pods that identify the revision of their template.
const TEMPLATE_HASH: &str = "pod-template-hash";
const CONTROLLER_REVISION: &str = "controller-revision-hash";
const TEMPLATE_GENERATION: &str = "pod-template-generation";
/// The annotations in which workloads count the revisions of their template.
const REVISION: &str = "deployment.kubernetes.io/revision";
const DAEMON_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Returns the pods of a component that are not being removed, newest first.
pub(crate) fn of_component<'a>(live: &'a Live, component: &str) -> Vec<&'a Pod> {
    newest_first(live.pods.of(component))
}

/// Returns the pods of a Job.
pub(crate) fn of_job<'a>(live: &'a Live, job: &str) -> Vec<&'a Pod> {
    let own = |pod: &&Pod| label_of(pod, JOB_NAME) == Some(job);
    newest_first(live.pods.iter().filter(own))
}

fn newest_first<'a>(pods: impl Iterator<Item = &'a Pod>) -> Vec<&'a Pod> {
    let mut pods: Vec<_> = pods
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .collect();
    pods.sort_by(|one, other| {
        let key = |pod: &Pod| pod.metadata.creation_timestamp.clone();
        key(other)
            .cmp(&key(one))
            .then_with(|| one.metadata.name.cmp(&other.metadata.name))
    });
    pods
}

/// Returns the component of a pod.
pub(crate) fn component(pod: &Pod) -> Option<&str> {
    label_of(pod, label::COMPONENT)
}

fn label_of<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}

/// Returns the names of the `ConfigMap`s and the Secrets that pods refer to which are not
/// ready.
pub(crate) fn references(live: &Live) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut maps, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for pod in live.pods.iter().filter(|pod| !is_ready(pod)) {
        let Some(spec) = &pod.spec else { continue };
        let init = spec.init_containers.iter().flatten();
        for container in init.chain(&spec.containers) {
            let sources = container
                .env
                .iter()
                .flatten()
                .filter_map(|variable| variable.value_from.as_ref());
            for source in sources {
                maps.extend(
                    source
                        .config_map_key_ref
                        .as_ref()
                        .map(|key| key.name.clone()),
                );
                secrets.extend(source.secret_key_ref.as_ref().map(|key| key.name.clone()));
            }
        }
        for volume in spec.volumes.iter().flatten() {
            maps.extend(volume.config_map.as_ref().map(|source| source.name.clone()));
            let secret = volume.secret.as_ref();
            secrets.extend(secret.and_then(|source| source.secret_name.clone()));
        }
    }
    (maps, secrets)
}

/// Splits the pods of a workload into those of its current revision and older
/// ones. If the cluster does not reveal the revision, all count as current.
pub(crate) fn by_revision<'a>(
    live: &Live,
    workload: &Object,
    pods: Vec<&'a Pod>,
) -> (Vec<&'a Pod>, Vec<&'a Pod>) {
    let name = &workload.name;
    let revision = match workload.kind.as_str() {
        "Deployment" => live
            .deployments
            .get(name)
            .and_then(|deployment| template_hash(live, deployment))
            .map(|hash| (TEMPLATE_HASH, hash)),
        "StatefulSet" => live
            .stateful_sets
            .get(name)
            .and_then(|set| set.status.as_ref()?.update_revision.clone())
            .map(|revision| (CONTROLLER_REVISION, revision)),
        "DaemonSet" => live
            .daemon_sets
            .get(name)
            .and_then(|set| annotation(&set.metadata, DAEMON_GENERATION))
            .map(|generation| (TEMPLATE_GENERATION, generation)),
        _ => None,
    };
    let Some((label, revision)) = revision else {
        return (pods, Vec::new());
    };
    pods.into_iter()
        .partition(|pod| label_of(pod, label).is_none_or(|other| other == revision))
}

/// Returns the hash of a Deployment's current template: that of the `ReplicaSet`
/// with the Deployment's own revision.
fn template_hash(live: &Live, deployment: &Deployment) -> Option<String> {
    let uid = deployment.metadata.uid.as_deref()?;
    let revision = annotation(&deployment.metadata, REVISION)?;
    let current = live.replica_sets.iter().find(|set| {
        let mut owners = set.metadata.owner_references.iter().flatten();
        owners.any(|owner| owner.uid == uid)
            && annotation(&set.metadata, REVISION).as_ref() == Some(&revision)
    })?;
    current
        .metadata
        .labels
        .as_ref()?
        .get(TEMPLATE_HASH)
        .cloned()
}

fn annotation(metadata: &ObjectMeta, name: &str) -> Option<String> {
    metadata.annotations.as_ref()?.get(name).cloned()
}

/// Returns true if a pod is ready or has succeeded.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    status.phase.as_deref() == Some("Succeeded")
        || status
            .conditions
            .iter()
            .flatten()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Returns true if all containers of a pod run.
pub(crate) fn is_started(pod: &Pod) -> bool {
    let Some(statuses) = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref())
    else {
        return false;
    };
    let runs = |status: &ContainerStatus| {
        status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
    };
    !statuses.is_empty() && statuses.iter().all(runs)
}

/// Returns true if a pod's image cannot be pulled.
pub(crate) fn lacks_image(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    containers(status)
        .any(|container| waiting(container).is_some_and(|(reason, _)| is_image(reason)))
}

/// Returns all containers of a pod, init steps first.
pub(crate) fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

/// Returns reason and message of a waiting container.
pub(crate) fn waiting(container: &ContainerStatus) -> Option<(&str, &str)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    Some((
        waiting.reason.as_deref().unwrap_or("no reason given"),
        waiting.message.as_deref().unwrap_or_default(),
    ))
}

/// Returns true for waiting reasons that mean that an image cannot be pulled.
pub(crate) fn is_image(reason: &str) -> bool {
    matches!(
        reason,
        "ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName"
    )
}
