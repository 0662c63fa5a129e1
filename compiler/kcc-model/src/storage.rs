//! [`Volume`] and [`File`]: what stands in the file system of a component.

use serde::Serialize;

use crate::{Bytes, Name, Part};

/// A volume and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Path inside the container.
    pub mount: String,
    /// Where the data lives.
    pub source: VolumeSource,
    /// The mode of the files of a config or secret; the engine's usual one if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// Where the data of a volume lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum VolumeSource {
    /// Kept over restarts and replacements.
    #[serde(rename_all = "camelCase")]
    Persistent {
        /// Its size.
        size: Bytes,
        /// Who may write.
        access: Access,
        /// The storage class.
        class: Option<String>,
    },
    /// Gone with the container.
    Ephemeral(Ephemeral),
    /// The data of a config, a file for each key.
    Config(Name),
    /// The value of a secret, as a file of its name.
    Secret(Name),
    /// A folder or file of the machine.
    HostPath(String),
}

/// How a persistent volume may be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are those of Kubernetes")]
pub enum Access {
    ReadWriteOnce,
    ReadOnlyMany,
    ReadWriteMany,
    ReadWriteOncePod,
}

/// A volume that is gone with its container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ephemeral {
    /// Programs in it may be run.
    pub exec: bool,
    /// The most that it may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
    /// The mode of the folder; everybody may write if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Kept in memory, or on disk; the engine's usual place if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<bool>,
}

impl Default for Ephemeral {
    fn default() -> Self {
        Self {
            exec: true,
            size: None,
            mode: None,
            memory: None,
        }
    }
}

/// A file in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// What it holds.
    #[serde(flatten)]
    pub content: FileContent,
    /// Its mode; the engine's usual one if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Its user and group; those of the container if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FileContent {
    /// Its content; that of a `source` has been read.
    Content(String),
    /// The value of a secret.
    Secret(Name),
    /// Text and secrets together, which no engine writes into a file.
    Template(Vec<Part>),
}
