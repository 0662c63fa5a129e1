//! The objects that a Kubernetes cluster should hold.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Build, Name, SecretProvider};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kind::CLAIM;

/// The objects of one target on a Kubernetes cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesDesired {
    /// The kubeconfig context; the current one if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Objects in rendering order: by the rank of their kind, namespace first,
    /// then by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// Secrets that kcc creates during an apply and never renders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<CreatedSecret>,
    /// Images to build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub builds: Vec<Build>,
    /// The digests that `kcc.lock` has of images that are not pinned, by reference: of
    /// the index and of each platform.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub locked: BTreeMap<String, BTreeSet<String>>,
}

impl KubernetesDesired {
    /// Returns the objects of some components and the shared ones, without Secrets,
    /// ConfigMaps and claims to which only other components refer.
    #[must_use]
    pub fn part(&self, is_part: impl Fn(&Name) -> bool) -> Self {
        let mut part = self.clone();
        part.objects
            .retain(|object| object.component.as_ref().is_none_or(&is_part));
        let referenced = |objects: &[Object]| {
            let secrets = objects.iter();
            let secrets = secrets.flat_map(|object| referenced_secrets(&object.manifest));
            secrets.collect::<BTreeSet<_>>()
        };
        let (used, all) = (referenced(&part.objects), referenced(&self.objects));
        part.secrets
            .retain(|secret| used.contains(&secret.name) || !all.contains(&secret.name));
        let used = part.references();
        let all = self.references().into_iter();
        let unused: BTreeSet<_> = all.filter(|shared| !used.contains(shared)).collect();
        part.objects.retain(|object| {
            let shared = (object.kind.as_str(), object.name.as_str());
            object.component.is_some() || !unused.contains(&shared)
        });
        part
    }

    /// Returns the kinds and names of the ConfigMaps and claims to which objects of
    /// components refer.
    pub fn references(&self) -> BTreeSet<(&str, &str)> {
        let objects = self.objects.iter();
        let mut references = BTreeSet::new();
        for object in objects.filter(|object| object.component.is_some()) {
            collect_references(&object.manifest, &mut references);
        }
        references
    }
}

fn collect_references<'m>(value: &'m Value, references: &mut BTreeSet<(&'m str, &'m str)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let reference = match field.as_str() {
                    "configMapKeyRef" | "configMapRef" | "configMap" => {
                        Some(("ConfigMap", value.get("name")))
                    }
                    "persistentVolumeClaim" => Some((CLAIM, value.get("claimName"))),
                    _ => None,
                };
                let named = reference.and_then(|(kind, name)| Some((kind, name?.as_str()?)));
                references.extend(named);
                collect_references(value, references);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect_references(item, references);
            }
        }
        _ => {}
    }
}

/// Returns the names of the Secrets that a manifest refers to.
pub fn referenced_secrets(manifest: &Value) -> Vec<String> {
    let mut names = Vec::new();
    collect(manifest, &mut names);
    names.sort();
    names.dedup();
    names
}

fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = match field.as_str() {
                    "secretKeyRef" | "secretRef" => value.get("name"),
                    "secret" => value.get("secretName"),
                    _ => None,
                };
                names.extend(name.and_then(Value::as_str).map(str::to_owned));
                collect(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

impl Object {
    /// Returns the Job of one run of a `CronJob`, started by hand.
    pub fn single_run(&self) -> Option<Self> {
        if self.kind != "CronJob" {
            return None;
        }
        let name = format!("{}-run", self.name);
        let mut metadata = self.manifest.get("metadata")?.clone();
        metadata["name"] = Value::String(name.clone());
        Some(Self {
            kind: "Job".to_owned(),
            name,
            manifest: json!({
                "apiVersion": self.api_version,
                "kind": "Job",
                "metadata": metadata,
                "spec": self.manifest.pointer("/spec/jobTemplate/spec")?,
            }),
            ..self.clone()
        })
    }
}

/// A Kubernetes object with its metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub manifest: Value,
}

/// A Secret that kcc creates: generated once at random, or with a value from the
/// applying user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedSecret {
    /// The Secret's name in the cluster.
    pub name: String,
    /// The key of its value.
    pub key: String,
    /// Set if it also has the percent-encoded value under [`super::ENCODED_KEY`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encoded: bool,
    /// The provider of the value: generated, or an environment variable, file or
    /// command of the applying user.
    pub provider: SecretProvider,
    /// The namespace of the target whose Secret of this name has the value, if a component
    /// that uses it is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_from: Option<String>,
    /// The component.
    pub component: Option<Name>,
    /// The owning team.
    pub team: Name,
    /// The labels.
    pub labels: std::collections::BTreeMap<String, String>,
}
