//! Calls that keep the record of a scope in `ConfigMap`s. They do not pass the fence,
//! because they renew the lock that it stands for.

use jiff::{Timestamp, fmt::rfc2822};
use k8s_openapi::api::core::v1::ConfigMap;
use kcc_diag::Code;
use kcc_plan::Error;
use kube::{
    api::{Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions},
    client::Body,
};
use serde_json::Value;

use super::{Client, mutations::post_params};
use crate::observed::MANAGER;

impl Client {
    fn config_maps(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.kube.clone(), namespace)
    }

    /// Returns a `ConfigMap`, if it exists.
    pub(crate) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ConfigMap>, Error> {
        let found = self.config_maps(namespace).get_opt(name).await;
        found.map_err(|error| self.error(&format!("read ConfigMap `{name}`"), &error))
    }

    /// Returns the names of the `ConfigMap`s with some labels.
    pub(crate) async fn config_map_names(
        &self,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<String>, Error> {
        let params = ListParams::default().labels(labels);
        let found = self.config_maps(namespace).list_metadata(&params).await;
        let found = found.map_err(|error| self.error("list ConfigMaps", &error))?;
        let names = found.items.into_iter().filter_map(|one| one.metadata.name);
        Ok(names.collect())
    }

    /// Returns the `ConfigMap`s with some labels.
    pub(crate) async fn labelled_config_maps(
        &self,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<ConfigMap>, Error> {
        let params = ListParams::default().labels(labels);
        let found = self.config_maps(namespace).list(&params).await;
        let found = found.map_err(|error| self.error("list ConfigMaps", &error))?;
        Ok(found.items)
    }

    /// Creates a `ConfigMap` and returns its version; none if one of this name exists.
    pub(crate) async fn claim_config_map(
        &self,
        namespace: &str,
        map: &ConfigMap,
    ) -> Result<Option<String>, Error> {
        let (maps, params) = (self.config_maps(namespace), post_params());
        let call = maps.create(&params, map);
        let created = self.unfenced("claim-config-map", call).await;
        let name = map.metadata.name.as_deref().unwrap_or_default();
        self.version_of(&format!("create ConfigMap `{name}`"), created)
    }

    /// Merges a part into a `ConfigMap` and returns its new version; none if it does not
    /// have the version that the part names any more.
    pub(crate) async fn merge_config_map(
        &self,
        namespace: &str,
        name: &str,
        part: &Value,
    ) -> Result<Option<String>, Error> {
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let maps = self.config_maps(namespace);
        let patch = Patch::Merge(part);
        let call = maps.patch(name, &params, &patch);
        let merged = self.unfenced("merge-config-map", call).await;
        self.version_of(&format!("change ConfigMap `{name}`"), merged)
    }

    /// Removes a `ConfigMap`, of this version if one is given; returns false if it is
    /// another one, or none.
    pub(crate) async fn release_config_map(
        &self,
        namespace: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<bool, Error> {
        let same = Preconditions {
            resource_version: version.map(str::to_owned),
            uid: None,
        };
        let params = DeleteParams::background().preconditions(same);
        let maps = self.config_maps(namespace);
        let call = maps.delete(name, &params);
        match self.unfenced("release-config-map", call).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(error) => Err(self.error(&format!("delete ConfigMap `{name}`"), &error)),
        }
    }

    /// Asks the server for its time, which the answer to any request tells.
    pub(crate) async fn time(&self) -> Result<Timestamp, Error> {
        let request = http::Request::get("/version").body(Body::empty());
        let request = request.map_err(|error| no_time(error.to_string()))?;
        let answer = self.kube.send(request).await;
        let answer = answer.map_err(|error| self.error("tell its time", &error))?;
        let date = answer.headers().get(http::header::DATE);
        let date = date.ok_or_else(|| no_time("its answer has no date".to_owned()))?;
        let date = date.to_str().map_err(|error| no_time(error.to_string()))?;
        rfc2822::parse(date)
            .map(|time| time.timestamp())
            .map_err(|error| no_time(format!("`{date}`: {error}")))
    }

    fn version_of(
        &self,
        what: &str,
        answer: Result<ConfigMap, kube::Error>,
    ) -> Result<Option<String>, Error> {
        match answer {
            Ok(map) => Ok(map.metadata.resource_version),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            Err(error) => Err(self.error(what, &error)),
        }
    }
}

fn no_time(why: String) -> Error {
    Error::new(Code::StateStore, "the cluster does not tell its time")
        .help("connect to its API server directly, or ask its operators for the header `Date`")
        .cause(why)
}
