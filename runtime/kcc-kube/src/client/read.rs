//! Reading: calls that change nothing. Secrets are read without their data.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Pod, Secret};
use kcc_plan::Error;
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use serde_json::{Value, json};

use super::Client;
use crate::observed::Reference;

/// The kind whose data is never read to be compared.
const SECRET: &str = "Secret";

impl Client {
    /// Whether the cluster has a kind.
    pub(crate) async fn serves(&self, reference: &Reference) -> Result<bool, Error> {
        let kinds = self.kinds.of(self, &reference.api_version).await?;
        Ok(kinds
            .iter()
            .any(|served| served.resource.kind == reference.kind))
    }

    /// The object of that name, if it is there.
    pub(crate) async fn get(&self, reference: &Reference) -> Result<Option<Value>, Error> {
        if !self.serves(reference).await? {
            return Ok(None);
        }
        let api = self.api(reference).await?;
        let found = if reference.kind == SECRET {
            let found = api.get_metadata_opt(&reference.name).await;
            found.map(|found| found.map(|object| as_value(&object)))
        } else {
            let found = api.get_opt(&reference.name).await;
            found.map(|found| found.map(|object| as_value(&object)))
        };
        found.map_err(|error| self.fault(&format!("read {reference}"), &error))
    }

    /// The objects of a kind that carry labels; `reference`'s name counts for nothing.
    /// None where the cluster has no such kind any more.
    pub(crate) async fn list(
        &self,
        reference: &Reference,
        labels: &str,
    ) -> Result<Vec<Value>, Error> {
        if !self.serves(reference).await? {
            return Ok(Vec::new());
        }
        let api = self.api(reference).await?;
        let params = ListParams::default().labels(labels);
        let found = if reference.kind == SECRET {
            let found = api.list_metadata(&params).await;
            found.map(|list| list.items.iter().map(as_value).collect())
        } else {
            let found = api.list(&params).await;
            found.map(|list| list.items.iter().map(as_value).collect())
        };
        found.map_err(|error| self.fault(&format!("list its {}s", reference.kind), &error))
    }

    /// The names of all objects of a kind, whoever made them; `reference`'s name
    /// counts for nothing.
    pub(crate) async fn names(&self, reference: &Reference) -> Result<BTreeSet<String>, Error> {
        if !self.serves(reference).await? {
            return Ok(BTreeSet::new());
        }
        let api = self.api(reference).await?;
        let found = api.list_metadata(&ListParams::default()).await;
        let found =
            found.map_err(|error| self.fault(&format!("list its {}s", reference.kind), &error))?;
        let names = found.items.into_iter().filter_map(|one| one.metadata.name);
        Ok(names.collect())
    }

    /// A namespace, if it is there. Who may not see namespaces works in one that
    /// somebody made for them: then nothing but its name is known.
    pub(crate) async fn namespace(&self, name: &str) -> Result<Option<Value>, Error> {
        let reference = Reference::namespace(name);
        match self.api(&reference).await?.get_opt(name).await {
            Ok(found) => Ok(found.map(|object| as_value(&object))),
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                Ok(Some(json!({"metadata": {"name": name}})))
            }
            Err(error) => Err(self.fault(&format!("read {reference}"), &error)),
        }
    }

    /// Kind and metadata of every object of a namespace that no other object
    /// owns and nothing in the cluster makes for each namespace. Second, the
    /// kinds that cannot be listed: there may be something.
    pub(crate) async fn inhabitants(
        &self,
        namespace: &str,
    ) -> Result<(Vec<(String, Value)>, Vec<String>), Error> {
        let mut all = Vec::new();
        let (kinds, mut hidden) = self.kinds.in_namespaces(self).await?;
        for served in kinds {
            let kind = served.resource.kind.clone();
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.kube.clone(), namespace, &served.resource);
            let Ok(list) = api.list_metadata(&ListParams::default()).await else {
                hidden.push(kind);
                continue;
            };
            for object in list.items {
                let name = object.metadata.name.as_deref().unwrap_or_default();
                let owned = object
                    .metadata
                    .owner_references
                    .as_ref()
                    .is_some_and(|owners| !owners.is_empty());
                if !owned && !is_everywhere(&kind, name) {
                    all.push((kind.clone(), as_value(&object)));
                }
            }
        }
        hidden.retain(|kind| !is_everywhere(kind, ""));
        Ok((all, hidden))
    }

    /// The last lines of a container's log; none where there is no log.
    pub(crate) async fn last_lines(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        count: i64,
    ) -> Vec<String> {
        let api: Api<Pod> = Api::namespaced(self.kube.clone(), namespace);
        let params = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(count),
            previous,
            ..LogParams::default()
        };
        let text = api.logs(pod, &params).await.unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The value of a key of a Secret.
    pub(crate) async fn secret_value(
        &self,
        reference: &Reference,
        key: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let namespace = reference.namespace.as_deref().unwrap_or_default();
        let api: Api<Secret> = Api::namespaced(self.kube.clone(), namespace);
        let found = api.get_opt(&reference.name).await;
        let found = found.map_err(|error| self.fault(&format!("read {reference}"), &error))?;
        let value = found.and_then(|secret| secret.data?.remove(key));
        Ok(value.map(|value| value.0))
    }

    /// The values of Secrets, to take them out of texts; none if one of them
    /// cannot be read. A Secret that is not there has no value.
    pub(crate) async fn secret_values(
        &self,
        namespace: &str,
        names: &[String],
    ) -> Option<Vec<String>> {
        let api: Api<Secret> = Api::namespaced(self.kube.clone(), namespace);
        let mut values = Vec::new();
        for name in names {
            let data = match api.get_opt(name).await.ok()? {
                Some(secret) => secret.data.unwrap_or_else(BTreeMap::new),
                None => continue,
            };
            values.extend(
                data.into_values()
                    .filter_map(|value| String::from_utf8(value.0).ok()),
            );
        }
        Some(values)
    }
}

/// What a cluster makes by itself in each namespace, and what only tells of others.
fn is_everywhere(kind: &str, name: &str) -> bool {
    match kind {
        "Event" | "Endpoints" | "EndpointSlice" | "PodMetrics" => true,
        "ConfigMap" => matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt"),
        "ServiceAccount" => name == "default",
        _ => false,
    }
}

fn as_value<T: serde::Serialize>(object: &T) -> Value {
    // What came as JSON goes back to it.
    serde_json::to_value(object).unwrap_or_default()
}
