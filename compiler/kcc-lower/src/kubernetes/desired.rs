//! What a Kubernetes cluster should hold.

use kcc_model::{Build, Name, SecretProvider};
use serde::Serialize;

/// The objects of one target on a Kubernetes cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesDesired {
    /// The kubeconfig context; the current one if none.
    pub context: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// Objects in the order in which they are rendered: namespace first, then
    /// by kind's rank and by name.
    pub objects: Vec<Object>,
    /// Secrets that kcc makes when it applies; they are never rendered.
    pub secrets: Vec<MadeSecret>,
    /// Images that have to be built before they can run.
    pub builds: Vec<Build>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// None for what is cluster-scoped.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The component that it belongs to; none for what all share.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Option<Name>,
    /// Holds data: deleted only when a flag says so.
    pub data: bool,
    /// The whole object, from a typed struct of k8s-openapi, without status.
    pub manifest: serde_json::Value,
}

/// A Secret that kcc makes: once and at random where it is absent, or with the
/// value that whoever applies has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeSecret {
    /// The Secret's name in the cluster.
    pub name: String,
    /// The key of its value.
    pub key: String,
    /// It holds the value percent-encoded, too, under [`super::ENCODED_KEY`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encoded: bool,
    /// Where its value comes from: made at random, or the environment, a file or
    /// a command of whoever applies.
    pub provider: SecretProvider,
    /// The component that it belongs to.
    pub component: Option<Name>,
    /// The team that answers for it.
    pub team: Name,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
}
