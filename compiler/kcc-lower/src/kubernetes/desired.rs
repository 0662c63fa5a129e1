//! The objects that a Kubernetes cluster should hold.

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
    /// Objects in rendering order: by the rank of their kind, namespace first,
    /// then by name.
    pub objects: Vec<Object>,
    /// Secrets that kcc creates during an apply and never renders.
    pub secrets: Vec<CreatedSecret>,
    /// Images to build.
    pub builds: Vec<Build>,
}

/// A Kubernetes object with its metadata.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The API version, such as `apps/v1`.
    pub api_version: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The namespace; none for cluster-scoped objects.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The component; none for shared objects.
    pub component: Option<Name>,
    /// The owning team.
    pub team: Option<Name>,
    /// Set if it holds data, so that deleting it requires a flag.
    pub data: bool,
    /// The whole object without its status.
    pub manifest: serde_json::Value,
}

/// A Secret that kcc creates: generated once at random, or with a value from the
/// applying user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedSecret {
    /// The Secret's name in the cluster.
    pub name: String,
    /// The key of its value.
    pub key: String,
    /// Set if it also has the percent-encoded value under [`super::ENCODED_KEY`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encoded: bool,
    /// The provider of the value: generated, or an environment variable, file or
    /// command of the applying user.
    pub provider: SecretProvider,
    /// The component.
    pub component: Option<Name>,
    /// The owning team.
    pub team: Name,
    /// The labels.
    pub labels: std::collections::BTreeMap<String, String>,
}
