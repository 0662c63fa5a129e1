//! [`Container`]: the image, process, environment and limits of one container.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde::{Deserialize, Serialize};

use crate::{Bytes, Health, MilliCpu, Name};

/// A container that runs to completion before the main one starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitStep {
    /// The step's name.
    pub name: Name,
    /// The step's container.
    pub container: Container,
}

/// A container of a component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The image.
    pub image: Image,
    /// Replacement for the image's entrypoint.
    pub command: Option<Vec<String>>,
    /// Replacement for the image's arguments.
    pub args: Option<Vec<String>>,
    /// The platform of the image, such as `linux/arm64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The working directory.
    pub working_dir: Option<String>,
    /// The user, as `uid`, `uid:gid` or a name; the image's user if none.
    pub user: Option<String>,
    /// The environment, including the variables of needs and outputs.
    pub env: BTreeMap<String, EnvValue>,
    /// The component's volumes with a host path that it mounts, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub host_paths: BTreeSet<Name>,
    /// Health checks.
    pub health: Health,
    /// Resource requests and limits.
    pub resources: Resources,
    /// The security context.
    pub security: Security,
}

/// The origin of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Image {
    /// A reference to an existing image.
    Reference(String),
    /// An image built from a directory.
    Build(Build),
}

/// The inputs of an image build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The reference given to the image.
    pub tag: String,
    /// The context directory, relative to the system's root; `.` is the root.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub file: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to build; the last one if none.
    pub stage: Option<String>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EnvValue {
    /// Plain text.
    Literal(String),
    /// The value of a secret.
    Secret(Name),
    /// The value of one key of a config.
    Config {
        /// The config's name.
        name: Name,
        /// The key in it.
        key: String,
    },
    /// Text and secrets to concatenate: an output that contains a secret.
    Template(Vec<Part>),
    /// A fact about the pod that the container runs in.
    Field(PodField),
}

/// A fact about a pod that a variable may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are those of the language")]
pub enum PodField {
    #[serde(rename = "podIP")]
    PodIp,
    PodName,
    #[serde(rename = "podUID")]
    PodUid,
    Namespace,
    NodeName,
    #[serde(rename = "hostIP")]
    HostIp,
    ServiceAccount,
}

impl PodField {
    /// Reads the name that fragments write.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "podIP" => Self::PodIp,
            "podName" => Self::PodName,
            "podUID" => Self::PodUid,
            "namespace" => Self::Namespace,
            "nodeName" => Self::NodeName,
            "hostIP" => Self::HostIp,
            "serviceAccount" => Self::ServiceAccount,
            _ => return None,
        })
    }

    /// Returns true if it exists only in a cluster.
    pub fn only_in_cluster(self) -> bool {
        matches!(
            self,
            Self::PodIp | Self::PodUid | Self::NodeName | Self::HostIp
        )
    }
}

impl EnvValue {
    /// Returns true if the value is or contains a secret.
    pub fn contains_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::Template(parts) => parts.iter().any(|part| !matches!(part, Part::Text(_))),
            Self::Literal(_) | Self::Config { .. } | Self::Field(_) => false,
        }
    }
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// Plain text.
    Text(String),
    /// The value of a secret.
    Secret(Name),
    /// The value of a secret, percent-encoded for use in a URL.
    Encoded(Name),
}

/// Percent-encodes everything but the unreserved characters of a URL.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Resource requests and limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Resources {
    pub requests: Amounts,
    pub limits: Amounts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u32>,
}

/// Amounts of CPU and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Amounts {
    pub cpu: Option<MilliCpu>,
    pub memory: Option<Bytes>,
}

/// The profile of the Pod Security Standards that a container follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// No root, no privilege escalation, no capabilities except added ones.
    #[default]
    Restricted,
    /// The image's user, including root, with the engine's default capabilities.
    Baseline,
}

/// The security context of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// The profile that sets the defaults of everything below.
    pub profile: Profile,
    /// Makes the root file system read-only.
    pub read_only_root: bool,
    /// Gives the container the host's root privileges.
    pub privileged: bool,
    /// Capabilities added to the profile's.
    pub add_capabilities: Vec<String>,
    /// Capabilities dropped from the profile's; empty under `restricted`, which
    /// has none to drop.
    pub drop_capabilities: Vec<String>,
}
