//! Read-only calls. Secrets are read without their data.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kcc_plan::Error;
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use serde_json::{Value, json};

use super::Client;
use crate::observed::{Reference, SECRET};

impl Client {
    /// Returns true if the cluster serves a kind.
    pub(crate) async fn serves(&self, reference: &Reference) -> Result<bool, Error> {
        let kinds = self.kinds.of(&reference.api_version).await?;
        Ok(kinds
            .iter()
            .any(|served| served.resource.kind == reference.kind))
    }

    /// Returns an object, if it exists.
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
        found.map_err(|error| self.error(&format!("read {reference}"), &error))
    }

    /// Lists the labelled objects of a kind; the name in `reference` is ignored.
    /// Returns nothing if the cluster no longer serves the kind.
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
        found.map_err(|error| self.error(&format!("list {}s", reference.kind), &error))
    }

    /// Returns the names of all objects of a kind, including unmanaged ones; the
    /// name in `reference` is ignored.
    pub(crate) async fn names(&self, reference: &Reference) -> Result<BTreeSet<String>, Error> {
        if !self.serves(reference).await? {
            return Ok(BTreeSet::new());
        }
        let api = self.api(reference).await?;
        let found = api.list_metadata(&ListParams::default()).await;
        let found =
            found.map_err(|error| self.error(&format!("list {}s", reference.kind), &error))?;
        let names = found.items.into_iter().filter_map(|one| one.metadata.name);
        Ok(names.collect())
    }

    /// Returns a namespace, if it exists. A user who may not read namespaces works
    /// in an existing one: then only its name is known.
    pub(crate) async fn namespace(&self, name: &str) -> Result<Option<Value>, Error> {
        let reference = Reference::namespace(name);
        match self.api(&reference).await?.get_opt(name).await {
            Ok(found) => Ok(found.map(|object| as_value(&object))),
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                Ok(Some(json!({"metadata": {"name": name}})))
            }
            Err(error) => Err(self.error(&format!("read {reference}"), &error)),
        }
    }

    /// Returns kind and metadata of the objects in a namespace that have no owner
    /// and that the cluster does not create in every namespace. The second list
    /// holds the kinds that cannot be listed.
    pub(crate) async fn namespace_objects(
        &self,
        namespace: &str,
    ) -> Result<(Vec<(String, Value)>, Vec<String>), Error> {
        let mut all = Vec::new();
        let (kinds, mut hidden) = self.kinds.in_namespaces().await?;
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

    /// Returns the last lines of a container's log; nothing if there is no log.
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

    /// Returns the value of a key of a Secret.
    pub(crate) async fn secret_value(
        &self,
        reference: &Reference,
        key: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let namespace = reference.namespace.as_deref().unwrap_or_default();
        let api: Api<Secret> = Api::namespaced(self.kube.clone(), namespace);
        let found = api.get_opt(&reference.name).await;
        let found = found.map_err(|error| self.error(&format!("read {reference}"), &error))?;
        let value = found.and_then(|secret| secret.data?.remove(key));
        Ok(value.map(|value| value.0))
    }

    /// Returns the values of Secrets, for redaction; none if one cannot be read.
    pub(crate) async fn secret_values(
        &self,
        namespace: &str,
        names: &[String],
    ) -> Option<Vec<String>> {
        let (values, unreadable) = self.known_secret_values(namespace, names).await;
        unreadable.is_empty().then_some(values)
    }

    /// Returns the values of Secrets, for redaction, and the names of those that cannot
    /// be read. A missing Secret has no value.
    pub(crate) async fn known_secret_values(
        &self,
        namespace: &str,
        names: impl IntoIterator<Item = &String>,
    ) -> (Vec<String>, BTreeSet<String>) {
        let api: Api<Secret> = Api::namespaced(self.kube.clone(), namespace);
        let (mut values, mut unreadable) = (Vec::new(), BTreeSet::new());
        for name in names {
            let Ok(secret) = api.get_opt(name).await else {
                unreadable.insert(name.clone());
                continue;
            };
            let data = secret.and_then(|secret| secret.data).unwrap_or_default();
            let texts = data.into_values();
            values.extend(texts.filter_map(|value| String::from_utf8(value.0).ok()));
        }
        (values, unreadable)
    }
}

/// Returns true for objects that the cluster creates in each namespace, and for
/// those that only describe others.
fn is_everywhere(kind: &str, name: &str) -> bool {
    match kind {
        "Event" | "Endpoints" | "EndpointSlice" | "PodMetrics" => true,
        "ConfigMap" => matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt"),
        "ServiceAccount" => name == "default",
        _ => false,
    }
}

fn as_value<T: serde::Serialize>(object: &T) -> Value {
    // Values that were parsed from JSON serialise again.
    serde_json::to_value(object).unwrap_or_default()
}
