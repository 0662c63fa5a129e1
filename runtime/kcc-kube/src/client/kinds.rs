//! Discovers the kinds that the cluster serves and their paths, once per version of
//! an API.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_plan::Error;
use kube::{api::ApiResource, core::GroupVersionKind};
use tokio::sync::Mutex;

use super::errors;

/// A kind that the cluster serves.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
    pub(super) listable: bool,
}

/// The kinds discovered so far.
pub(super) struct Kinds {
    kube: kube::Client,
    /// The server's address, for messages.
    server: String,
    by_version: Mutex<BTreeMap<String, Vec<Served>>>,
}

impl Kinds {
    /// Creates an empty cache for a server.
    pub(super) fn new(kube: kube::Client, server: &str) -> Self {
        Self {
            kube,
            server: server.to_owned(),
            by_version: Mutex::default(),
        }
    }

    /// Finds a kind; fails if the cluster does not serve it.
    pub(super) async fn find(&self, api_version: &str, kind: &str) -> Result<Served, Error> {
        let of_version = self.of(api_version).await?;
        let found = of_version
            .into_iter()
            .find(|served| served.resource.kind == kind);
        found.ok_or_else(|| {
            Error::new(
                Code::ApplyRefused,
                format!("the cluster does not serve kind `{kind}` in `{api_version}`"),
            )
            .help("install its CustomResourceDefinition, or remove the object")
        })
    }

    /// Discards what is known, after a definition has added kinds.
    pub(super) async fn invalidate(&self) {
        self.by_version.lock().await.clear();
    }

    /// Returns all kinds of a version; none if the cluster does not serve it.
    pub(super) async fn of(&self, api_version: &str) -> Result<Vec<Served>, Error> {
        let mut known = self.by_version.lock().await;
        if let Some(kinds) = known.get(api_version) {
            return Ok(kinds.clone());
        }
        let answer = match api_version.split_once('/') {
            Some(_) => self.kube.list_api_group_resources(api_version).await,
            None => self.kube.list_core_api_resources(api_version).await,
        };
        let resources = match answer {
            Ok(list) => list.resources,
            Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
            Err(error) => {
                let what = format!("list the kinds of `{api_version}`");
                return Err(errors::translate(&self.server, &what, &error));
            }
        };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kinds: Vec<_> = resources
            .iter()
            // Subresources are listed along with their resources.
            .filter(|resource| !resource.name.contains('/'))
            .map(|resource| Served {
                resource: ApiResource::from_gvk_with_plural(
                    &GroupVersionKind::gvk(group, version, &resource.kind),
                    &resource.name,
                ),
                namespaced: resource.namespaced,
                listable: resource.verbs.iter().any(|verb| verb == "list"),
            })
            .collect();
        known.insert(api_version.to_owned(), kinds.clone());
        Ok(kinds)
    }

    /// Returns every kind that can be listed in a namespace, and the API versions
    /// whose discovery failed.
    pub(super) async fn in_namespaces(&self) -> Result<(Vec<Served>, Vec<String>), Error> {
        let groups = self
            .kube
            .list_api_groups()
            .await
            .map_err(|error| errors::translate(&self.server, "list API groups", &error))?;
        let mut versions = vec!["v1".to_owned()];
        for group in groups.groups {
            versions.extend(
                group
                    .preferred_version
                    .or_else(|| group.versions.into_iter().next())
                    .map(|version| version.group_version),
            );
        }
        let (mut all, mut silent) = (Vec::new(), Vec::new());
        for version in versions {
            match self.of(&version).await {
                Ok(kinds) => all.extend(
                    kinds
                        .into_iter()
                        .filter(|served| served.namespaced && served.listable),
                ),
                Err(_) => silent.push(version),
            }
        }
        Ok((all, silent))
    }
}
