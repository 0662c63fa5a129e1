//! Reads the workloads and pods of a scope at one moment.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{
            ConfigMap, Event, LimitRange, Node, PersistentVolume, PersistentVolumeClaim, Pod,
            ResourceQuota, Secret, ServiceAccount,
        },
        storage::v1::StorageClass,
    },
};
use kcc_plan::Error;
use kube::{
    Resource, ResourceExt,
    api::{Api, ListParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Client;
use crate::{
    live::Live,
    observed::{Limits, Reference},
    pods,
};

/// A kind of objects in namespaces.
pub(super) trait Namespaced:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + DeserializeOwned
{
}

impl<K> Namespaced for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
{
}

impl Client {
    /// Reads the labelled workloads of some kinds and their pods. Reads further
    /// explanations only if a rollout is held up.
    pub(crate) async fn live(
        &self,
        namespace: &str,
        labels: &str,
        kinds: &BTreeSet<&str>,
    ) -> Result<Live, Error> {
        let mut live = self.workloads(namespace, labels, kinds).await?;
        let held_up = live.pods.iter().any(|pod| !pods::is_ready(pod));
        if held_up && !live.deployments.is_empty() {
            live.replica_sets = self.typed::<ReplicaSet>(namespace, labels).await?;
        }
        if held_up || live.lacks_pods() {
            // The kubelet does not warn of a container that it ends.
            let (warnings, kills) = tokio::join!(
                self.events(namespace, "type=Warning"),
                self.events(namespace, "reason=Killing"),
            );
            live.events = warnings;
            live.events.extend(kills);
        }
        Ok(live)
    }

    /// Reads the labelled workloads of some kinds and their pods: one list per kind,
    /// whatever the number of objects.
    async fn workloads(
        &self,
        namespace: &str,
        labels: &str,
        kinds: &BTreeSet<&str>,
    ) -> Result<Live, Error> {
        let wanted = |kind: &str| kinds.contains(kind);
        let (deployments, stateful_sets, daemon_sets, jobs, cron_jobs, pods) = tokio::try_join!(
            self.typed_if::<Deployment>(wanted("Deployment"), namespace, labels),
            self.typed_if::<StatefulSet>(wanted("StatefulSet"), namespace, labels),
            self.typed_if::<DaemonSet>(wanted("DaemonSet"), namespace, labels),
            self.typed_if::<Job>(wanted("Job"), namespace, labels),
            self.typed_if::<CronJob>(wanted("CronJob"), namespace, labels),
            self.typed_if::<Pod>(!kinds.is_empty(), namespace, labels),
        )?;
        Ok(Live {
            deployments: by_name(deployments),
            stateful_sets: by_name(stateful_sets),
            daemon_sets: by_name(daemon_sets),
            jobs: by_name(jobs),
            cron_jobs: by_name(cron_jobs),
            pods: pods.into(),
            ..Live::default()
        })
    }

    /// Reads the labelled workloads, their pods, and all events of the namespace.
    pub(crate) async fn held(&self, namespace: &str, labels: &str) -> Result<Live, Error> {
        let kinds = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"];
        let kinds = BTreeSet::from(kinds);
        let api: Api<Event> = Api::namespaced(self.kube.clone(), namespace);
        let all = ListParams::default();
        let events = async {
            let found = api.list(&all).await;
            found.map_err(|error| self.error("list events", &error))
        };
        let (live, replica_sets, events) = tokio::try_join!(
            // Boxed, because they are large.
            Box::pin(self.workloads(namespace, labels, &kinds)),
            Box::pin(self.typed::<ReplicaSet>(namespace, labels)),
            Box::pin(events),
        )?;
        Ok(Live {
            replica_sets,
            events: events.items,
            ..live
        })
    }

    /// Reads what refusals are about, by kind: all in the namespace or in the cluster. Of
    /// Secrets and `ConfigMap`s only the names, and the keys of those that pods refer to.
    /// They only explain: what cannot be read is missing.
    pub(crate) async fn explanations(
        &self,
        namespace: &str,
        live: &Live,
    ) -> BTreeMap<String, Vec<Value>> {
        let (nodes, classes, volumes, claims, ranges, accounts) = tokio::join!(
            self.described(Api::<Node>::all(self.kube.clone())),
            self.described(Api::<StorageClass>::all(self.kube.clone())),
            self.described(Api::<PersistentVolume>::all(self.kube.clone())),
            self.described(Api::<PersistentVolumeClaim>::namespaced(
                self.kube.clone(),
                namespace
            )),
            self.described(Api::<LimitRange>::namespaced(self.kube.clone(), namespace)),
            self.described(Api::<ServiceAccount>::namespaced(
                self.kube.clone(),
                namespace
            )),
        );
        let (referenced_maps, referenced_secrets) = pods::references(live);
        let (maps, secrets) = tokio::join!(
            self.keyed::<ConfigMap>(namespace, &referenced_maps, |map| {
                map.data.into_iter().flatten().map(|(key, _)| key).collect()
            }),
            self.keyed::<Secret>(namespace, &referenced_secrets, |secret| {
                secret
                    .data
                    .into_iter()
                    .flatten()
                    .map(|(key, _)| key)
                    .collect()
            }),
        );
        let all = [
            nodes, classes, volumes, claims, ranges, accounts, maps, secrets,
        ];
        all.into_iter().flatten().collect()
    }

    /// Lists objects of a kind.
    /// Reads the limits of a namespace, and the pods with labels that count in them. What
    /// cannot be read is missing: the cluster enforces it anyway.
    pub(crate) async fn limits(&self, namespace: &str, labels: &str) -> Limits {
        let (quotas, ranges) = tokio::join!(
            self.described(Api::<ResourceQuota>::namespaced(
                self.kube.clone(),
                namespace
            )),
            self.described(Api::<LimitRange>::namespaced(self.kube.clone(), namespace)),
        );
        let list = |found: Option<(String, Vec<Value>)>| found.unwrap_or_default().1;
        let quotas = list(quotas);
        let pods = if quotas.is_empty() {
            Vec::new()
        } else {
            let pods = self.typed::<Pod>(namespace, labels).await;
            let pods = pods.unwrap_or_default().into_iter();
            pods.filter_map(|pod| serde_json::to_value(pod).ok())
                .collect()
        };
        Limits {
            quotas,
            ranges: list(ranges),
            pods,
        }
    }

    async fn described<K>(&self, api: Api<K>) -> Option<(String, Vec<Value>)>
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Serialize,
    {
        let found = api.list(&ListParams::default()).await.ok()?;
        let all = found
            .items
            .iter()
            .filter_map(|object| serde_json::to_value(object).ok());
        Some((K::kind(&()).into_owned(), all.collect()))
    }

    /// Lists the names of objects of a kind, with the keys of some of them.
    async fn keyed<K: Namespaced>(
        &self,
        namespace: &str,
        referenced: &BTreeSet<String>,
        keys: impl Fn(K) -> Vec<String>,
    ) -> Option<(String, Vec<Value>)> {
        let api: Api<K> = Api::namespaced(self.kube.clone(), namespace);
        let found = api.list_metadata(&ListParams::default()).await.ok()?;
        let mut all = Vec::new();
        for name in found
            .items
            .into_iter()
            .filter_map(|object| object.metadata.name)
        {
            let mut object = json!({"metadata": {"name": name}});
            if referenced.contains(&name)
                && let Ok(Some(found)) = api.get_opt(&name).await
            {
                let keys = keys(found).into_iter().map(|key| (key, Value::from("")));
                object["data"] = Value::Object(keys.collect());
            }
            all.push(object);
        }
        Some((K::kind(&()).into_owned(), all))
    }

    async fn typed_if<K: Namespaced>(
        &self,
        wanted: bool,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<K>, Error> {
        if wanted {
            self.typed(namespace, labels).await
        } else {
            Ok(Vec::new())
        }
    }

    pub(super) async fn typed<K: Namespaced>(
        &self,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<K>, Error> {
        let api: Api<K> = Api::namespaced(self.kube.clone(), namespace);
        let found = api.list(&ListParams::default().labels(labels)).await;
        let what = format!("list {}", K::plural(&()));
        found
            .map(|list| list.items)
            .map_err(|error| self.error(&what, &error))
    }

    /// Returns the time at which a workload was last scaled to a number of replicas,
    /// from its events. The cluster records no time for a write through `scale`.
    pub(crate) async fn scaled_at(&self, reference: &Reference, replicas: i64) -> Option<String> {
        let namespace = reference.namespace.as_deref()?;
        let events = self.events(namespace, "reason=ScalingReplicaSet").await;
        let number = format!(" to {replicas}");
        let mut times: Vec<_> = events
            .into_iter()
            .filter(|event| event.involved_object.name.as_ref() == Some(&reference.name))
            .filter(|event| {
                let message = event.message.as_deref();
                message.is_some_and(|message| message.ends_with(&number))
            })
            .filter_map(|event| event.last_timestamp)
            .collect();
        times.sort();
        Some(times.pop()?.0.to_string())
    }

    /// Returns events with a field. They only explain, so errors are ignored.
    async fn events(&self, namespace: &str, field: &str) -> Vec<Event> {
        let api: Api<Event> = Api::namespaced(self.kube.clone(), namespace);
        let params = ListParams::default().fields(field);
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
