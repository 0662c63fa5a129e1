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
    Ephemeral {},
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

/// A file in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum File {
    /// Its content; that of a `source` has been read.
    Content(String),
    /// The value of a secret.
    Secret(Name),
    /// Text and secrets together, which no engine writes into a file.
    Template(Vec<Part>),
}
