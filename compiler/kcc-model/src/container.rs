//! [`Container`]: what runs for a component, and with what.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;

use crate::{Bytes, Health, MilliCpu, Name};

/// A step that runs to completion before the main container starts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitStep {
    /// Its name.
    pub name: Name,
    /// What runs.
    pub container: Container,
}

/// What runs in a container.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Where its image comes from.
    pub image: Image,
    /// Replaces the image's entrypoint.
    pub command: Option<Vec<String>>,
    /// Replaces the image's arguments.
    pub args: Option<Vec<String>>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// User, as `uid`, `uid:gid` or a name; that of the image if none.
    pub user: Option<String>,
    /// Environment, those of needs and outputs included.
    pub env: BTreeMap<String, EnvValue>,
    /// Probes.
    pub health: Health,
    /// Requests and limits.
    pub resources: Resources,
    /// Security context.
    pub security: Security,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Image {
    /// A reference.
    Reference(String),
    /// Built from a folder.
    Build(Build),
}

/// How an image is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The reference that the image gets.
    pub tag: String,
    /// The folder, relative to the system's root; `.` is the root.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub file: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to build; the last if none.
    pub stage: Option<String>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EnvValue {
    /// Text as it is.
    Literal(String),
    /// The value of a secret.
    Secret(Name),
    /// A key of a config.
    Config {
        /// The config.
        name: Name,
        /// The key.
        key: String,
    },
    /// Text and secrets, one after the other: an output that contains a secret.
    Template(Vec<Part>),
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The value of a secret.
    Secret(Name),
    /// The value of a secret, percent-encoded: it stands in a URL.
    Encoded(Name),
}

/// Returns a text in which nothing means anything to a URL.
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

/// Requests and limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Resources {
    pub requests: Amounts,
    pub limits: Amounts,
}

/// Amounts of processor and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Amounts {
    pub cpu: Option<MilliCpu>,
    pub memory: Option<Bytes>,
}

/// The profile of the Pod Security Standards that a container keeps to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// Neither root nor escalation, and no capabilities but those added.
    #[default]
    Restricted,
    /// The image's user, root included, with the engine's usual capabilities.
    Baseline,
}

/// Security context of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// The profile that holds where the rest says nothing else.
    pub profile: Profile,
    /// The root file system cannot be written.
    pub read_only_root: bool,
    /// May do whatever the machine's root may.
    pub privileged: bool,
    /// Capabilities added to those of the profile.
    pub add_capabilities: Vec<String>,
    /// Capabilities taken from those of the profile; none under `restricted`,
    /// which has none to take.
    pub drop_capabilities: Vec<String>,
}
