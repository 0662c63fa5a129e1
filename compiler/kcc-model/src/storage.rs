//! [`Volume`] and [`File`]: the mounts in a component's file system.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kcc_tree::Path;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Bytes, Container, Name, Part};

/// A volume and its mount path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The mount path inside the container.
    pub mount: String,
    /// The storage behind the volume.
    pub source: VolumeSource,
    /// The mode of the files of a config or secret; the engine's default if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Keeps the containers from writing to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The propagation of mounts below a host path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
}

impl Volume {
    /// Returns true if a container of its component mounts it under its name. The
    /// containers share all volumes except host paths, which a grant gives to those that
    /// name them.
    pub fn is_mounted_by(&self, container: &Container, name: &str) -> bool {
        !matches!(self.source, VolumeSource::HostPath(_)) || container.host_paths.contains(name)
    }
}

/// The propagation of mounts that appear below a host path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Propagation {
    /// Mounts of the machine appear in the container.
    HostToContainer,
    /// Mounts of the container appear on the machine as well.
    Bidirectional,
}

/// A device of the machine that a component uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The path on the machine.
    pub path: String,
    /// The path inside the container.
    pub mount: String,
}

/// The storage behind a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VolumeSource {
    /// Survives restarts and replacements.
    #[serde(rename_all = "camelCase")]
    Persistent {
        /// The size.
        size: Bytes,
        /// The access mode.
        access: Access,
        /// The storage class.
        class: Option<String>,
    },
    /// Removed with the container.
    Ephemeral(Ephemeral),
    /// The data of a config, one file per key.
    Config(Name),
    /// The value of a secret, in a file named after it.
    Secret(Name),
    /// A directory or file of the host.
    HostPath(String),
    /// A volume of the system, by its name.
    Shared(Name),
}

/// A persistent volume that several components mount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedVolume {
    /// The name.
    pub name: Name,
    /// The declaring team.
    pub team: Name,
    /// The path in the model.
    pub path: Path,
    /// The size.
    pub size: Bytes,
    /// The access mode.
    pub access: Access,
    /// The storage class.
    pub class: Option<String>,
}

/// The access mode of a persistent volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of Kubernetes")]
pub enum Access {
    ReadWriteOnce,
    ReadOnlyMany,
    ReadWriteMany,
    ReadWriteOncePod,
}

impl Access {
    /// Returns true if only one node, or one pod, can mount the volume.
    pub fn is_single(self) -> bool {
        matches!(self, Self::ReadWriteOnce | Self::ReadWriteOncePod)
    }
}

/// A volume that is removed with its container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ephemeral {
    /// Allows executing programs in it.
    pub exec: bool,
    /// The maximum size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
    /// The mode of the directory; world-writable if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Stored in memory or on disk; the engine's default if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// The content.
    #[serde(flatten)]
    pub content: FileContent,
    /// Its mode and owner.
    #[serde(flatten)]
    pub access: FileAccess,
    /// The directory in `files` that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

impl File {
    /// Returns the name in `files` that declares the file at a path.
    pub fn declared<'f>(&'f self, path: &'f str) -> &'f str {
        self.directory.as_deref().unwrap_or(path)
    }
}

/// The mode and owner of a file in a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAccess {
    /// The mode; the engine's default if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// The owning user and group; the container's if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
}

/// Bytes that are not text. They are base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary(pub Vec<u8>);

impl Binary {
    /// Returns the bytes in base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// The content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileContent {
    /// Text, inline or read from a `source`.
    Content(String),
    /// The content of a `source` that is not text.
    Binary(Binary),
    /// The value of a secret.
    Secret(Name),
    /// Text and secrets combined, which no engine can write into a file.
    Template(Vec<Part>),
}
