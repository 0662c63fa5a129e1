//! [`Live`]: workloads and pods of a target at one moment, typed, to judge
//! whether they are ready.

use std::collections::BTreeMap;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{Event, Pod},
    },
};
use kcc_plan::Error;
use kube::{
    Resource, ResourceExt,
    api::{Api, ListParams},
};
use serde::de::DeserializeOwned;

use super::Client;

/// Reasons of events that explain why a pod is not ready.
const TELLING: [&str; 4] = [
    "Unhealthy",
    "FailedMount",
    "FailedCreate",
    "FailedCreatePodSandBox",
];

/// The workloads of a target by name, its pods, and what the cluster says of
/// those that are not ready.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) deployments: BTreeMap<String, Deployment>,
    pub(crate) stateful_sets: BTreeMap<String, StatefulSet>,
    pub(crate) daemon_sets: BTreeMap<String, DaemonSet>,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) cron_jobs: BTreeMap<String, CronJob>,
    pub(crate) pods: Vec<Pod>,
    pub(crate) events: Vec<Event>,
}

impl Client {
    /// Reads workloads and pods that carry labels. Events only where a pod is
    /// not ready or missing: there may be many.
    pub(crate) async fn live(&self, namespace: &str, labels: &str) -> Result<Live, Error> {
        let (deployments, stateful_sets, daemon_sets, jobs, cron_jobs, pods) = tokio::try_join!(
            self.typed::<Deployment>(namespace, labels),
            self.typed::<StatefulSet>(namespace, labels),
            self.typed::<DaemonSet>(namespace, labels),
            self.typed::<Job>(namespace, labels),
            self.typed::<CronJob>(namespace, labels),
            self.typed::<Pod>(namespace, labels),
        )?;
        let mut live = Live {
            deployments: by_name(deployments),
            stateful_sets: by_name(stateful_sets),
            daemon_sets: by_name(daemon_sets),
            jobs: by_name(jobs),
            cron_jobs: by_name(cron_jobs),
            pods,
            events: Vec::new(),
        };
        if live.pods.iter().any(|pod| !crate::pods::is_ready(pod)) || live.pods.is_empty() {
            for reason in TELLING {
                live.events.extend(self.events(namespace, reason).await);
            }
        }
        Ok(live)
    }

    async fn typed<K>(&self, namespace: &str, labels: &str) -> Result<Vec<K>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.kube.clone(), namespace);
        let found = api.list(&ListParams::default().labels(labels)).await;
        let what = format!("list its {}", K::plural(&()));
        found
            .map(|list| list.items)
            .map_err(|error| self.fault(&what, &error))
    }

    /// Events only explain: where they cannot be read, nothing is explained.
    async fn events(&self, namespace: &str, reason: &str) -> Vec<Event> {
        let api: Api<Event> = Api::namespaced(self.kube.clone(), namespace);
        let params = ListParams::default().fields(&format!("reason={reason}"));
        api.list(&params)
            .await
            .map(|list| list.items)
            .unwrap_or_default()
    }
}

fn by_name<K: ResourceExt>(objects: Vec<K>) -> BTreeMap<String, K> {
    objects
        .into_iter()
        .map(|object| (object.name_any(), object))
        .collect()
}
