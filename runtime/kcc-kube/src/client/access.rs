//! Asks the cluster what the user may do.

use futures_util::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{
    api::{Api, PostParams},
    core::{ApiResource, GroupVersionKind},
};

use super::Client;

/// The number of questions asked at once.
const PARALLEL: usize = 16;

/// A verb on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) verb: &'static str,
    pub(crate) group: String,
    /// The resource, with its subresource as in `pods/log`.
    pub(crate) resource: String,
    /// None for the whole cluster.
    pub(crate) namespace: Option<String>,
    /// None for all objects.
    pub(crate) name: Option<String>,
}

impl Access {
    /// Returns the resource as `kubectl auth can-i` takes it.
    pub(crate) fn object(&self) -> String {
        let group = match self.group.as_str() {
            "" => String::new(),
            group => format!(".{group}"),
        };
        let name = self.name.as_ref();
        let name = name.map_or_else(String::new, |name| format!("/{name}"));
        format!("{}{group}{name}", self.resource)
    }
}

/// Returns the name of a kind's resource, as clusters form it.
pub(crate) fn resource_name(api_version: &str, kind: &str) -> String {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)).plural
}

impl Client {
    /// Returns true if the user may do something, or if the cluster does not say.
    pub(crate) async fn may(&self, access: &Access) -> bool {
        let (resource, subresource) = match access.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (access.resource.as_str(), None),
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(access.verb.to_owned()),
                    group: Some(access.group.clone()),
                    resource: Some(resource.to_owned()),
                    subresource,
                    namespace: access.namespace.clone(),
                    name: access.name.clone(),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.kube.clone());
        let answer = api.create(&PostParams::default(), &review).await;
        let status = answer.ok().and_then(|review| review.status);
        status.is_none_or(|status| status.allowed)
    }

    /// Returns what the user may not do.
    pub(crate) async fn denied(&self, accesses: Vec<Access>) -> Vec<Access> {
        let asked = accesses.into_iter().map(async |access| {
            let allowed = self.may(&access).await;
            (!allowed).then_some(access)
        });
        let answers: Vec<_> = stream::iter(asked).buffered(PARALLEL).collect().await;
        answers.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_resources_as_clusters_do() {
        for (api_version, kind, resource) in [
            ("v1", "ConfigMap", "configmaps"),
            ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
            ("networking.k8s.io/v1", "Ingress", "ingresses"),
            ("apps/v1", "DaemonSet", "daemonsets"),
        ] {
            assert_eq!(resource_name(api_version, kind), resource);
        }
    }
}
