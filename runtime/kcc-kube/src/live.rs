//! [`Live`]: the workloads and pods of a scope at one moment, typed, from which
//! readiness is determined.

use std::{collections::BTreeMap, ops::Deref};

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    batch::v1::{CronJob, Job},
    core::v1::{Event, Pod},
};
use kcc_lower::kubernetes::label::COMPONENT;
use serde_json::Value;

/// The workloads of a scope by name, their pods, and events about those that are
/// not ready.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) deployments: BTreeMap<String, Deployment>,
    pub(crate) stateful_sets: BTreeMap<String, StatefulSet>,
    pub(crate) daemon_sets: BTreeMap<String, DaemonSet>,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) cron_jobs: BTreeMap<String, CronJob>,
    pub(crate) pods: Pods,
    /// The ReplicaSets of Deployments, if pods of two revisions run.
    pub(crate) replica_sets: Vec<ReplicaSet>,
    /// The warnings about them.
    pub(crate) events: Vec<Event>,
    /// The facts that the causes join with refusals, by kind: nodes, claims, quotas, the keys of
    /// `ConfigMap`s and Secrets, …. A kind that could not be read is missing. Empty while
    /// an apply waits.
    pub(crate) others: BTreeMap<String, Vec<Value>>,
    /// The last lines of the logs of containers that are not well, by pod and container,
    /// with secrets redacted. Empty while an apply waits.
    pub(crate) logs: BTreeMap<String, Vec<String>>,
}

/// Pods, which are found by their component without a look at all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pods {
    all: Vec<Pod>,
    /// The places of the pods of each component.
    components: BTreeMap<String, Vec<usize>>,
}

impl Pods {
    /// Returns the pods of a component.
    pub(crate) fn of(&self, component: &str) -> impl Iterator<Item = &Pod> {
        let own = self.components.get(component).into_iter().flatten();
        own.filter_map(|place| self.all.get(*place))
    }
}

impl From<Vec<Pod>> for Pods {
    fn from(all: Vec<Pod>) -> Self {
        let mut components: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, pod) in all.iter().enumerate() {
            let labels = pod.metadata.labels.as_ref();
            if let Some(component) = labels.and_then(|labels| labels.get(COMPONENT)) {
                components.entry(component.clone()).or_default().push(place);
            }
        }
        Self { all, components }
    }
}

impl Deref for Pods {
    type Target = [Pod];

    fn deref(&self) -> &[Pod] {
        &self.all
    }
}

impl Live {
    /// Returns the identity of a workload.
    pub(crate) fn uid(&self, kind: &str, name: &str) -> Option<&str> {
        let metadata = match kind {
            "Deployment" => &self.deployments.get(name)?.metadata,
            "StatefulSet" => &self.stateful_sets.get(name)?.metadata,
            "DaemonSet" => &self.daemon_sets.get(name)?.metadata,
            "Job" => &self.jobs.get(name)?.metadata,
            _ => return None,
        };
        metadata.uid.as_deref()
    }

    /// Returns true if a workload has too few pods that are ready.
    pub(crate) fn is_short(&self) -> bool {
        let deployments = self.deployments.values().any(|deployment| {
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            let status = deployment.status.as_ref();
            let ready = status.and_then(|status| status.available_replicas);
            ready.unwrap_or_default() < wanted.unwrap_or(1)
        });
        deployments || self.lacks_pods()
    }

    /// Returns true if a workload without a condition for it creates too few pods.
    pub(crate) fn lacks_pods(&self) -> bool {
        let sets = self.stateful_sets.values().any(|set| {
            let wanted = set.spec.as_ref().and_then(|spec| spec.replicas);
            let all = set.status.as_ref().map_or(0, |status| status.replicas);
            all < wanted.unwrap_or(1)
        });
        let daemons = self.daemon_sets.values().any(|set| {
            let status = set.status.as_ref();
            status.is_none_or(|status| {
                status.current_number_scheduled < status.desired_number_scheduled
            })
        });
        let jobs = self.jobs.values().any(|job| {
            let status = job.status.clone().unwrap_or_default();
            [status.active, status.succeeded, status.failed]
                .iter()
                .all(|count| count.unwrap_or_default() == 0)
        });
        sets || daemons || jobs
    }
}
