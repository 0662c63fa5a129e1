//! [`SystemModel`]: the system, its teams, and one [`TargetModel`] per target.
//!
//! Values carry no origins. To find one, look up the value's path in the
//! `ConfigTree`; every component has its path.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lock::Images;
use kcc_tree::Path;
use serde::{Deserialize, Serialize};

use crate::{Access, Component, EngineTarget, Grant, Name, SharedVolume, Volume, VolumeSource};

/// The system in all its targets.
#[derive(Debug, Clone, Serialize)]
pub struct SystemModel {
    /// `system.name`.
    pub name: Name,
    /// The teams; a system that declares none has one named after the system.
    pub teams: BTreeMap<Name, Team>,
    /// The model of each target.
    pub targets: BTreeMap<Name, TargetModel>,
    /// The archive of revisions: a directory relative to the root, or a repository of a
    /// registry (`oci://HOST/REPOSITORY`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// The facts about images from `kcc.lock`, by reference.
    #[serde(skip)]
    pub images: Images,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// The directory of its fragments, relative to the root.
    pub path: String,
    /// Owners, as in a CODEOWNERS file.
    pub owners: Vec<String>,
    /// Path patterns that no other team may set.
    pub owns: Vec<String>,
    /// Path patterns that the team may constrain and set.
    pub governs: Vec<String>,
}

/// The model of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetModel {
    /// The target's name.
    pub target: Name,
    /// The target's engine.
    pub engine: EngineTarget,
    /// Set if images are pinned to their digests in `kcc.lock`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pin_images: bool,
    /// Path patterns whose dropped fields are accepted, with the reason.
    pub parity_accept: BTreeMap<String, String>,
    /// Services, jobs, cron jobs and backings, in one namespace.
    pub components: BTreeMap<Name, Component>,
    /// Secrets that components refer to.
    pub secrets: BTreeMap<Name, Secret>,
    /// Shared configuration data.
    pub configs: BTreeMap<Name, Config>,
    /// Volumes that several components mount.
    pub volumes: BTreeMap<Name, SharedVolume>,
    /// Raw Kubernetes objects.
    pub objects: BTreeMap<Name, RawObject>,
    /// Patches of generated Kubernetes objects, by component name and object kind.
    pub patches: BTreeMap<Name, BTreeMap<String, serde_json::Value>>,
    /// Patches of Docker containers, by component name.
    pub docker_patches: BTreeMap<Name, serde_json::Value>,
    /// Grants of privileges to components.
    pub grants: BTreeMap<Name, Grant>,
}

impl TargetModel {
    /// Returns what of the model belongs to no component.
    #[must_use]
    pub fn without_components(&self) -> Self {
        Self {
            target: self.target.clone(),
            engine: self.engine.clone(),
            pin_images: self.pin_images,
            parity_accept: self.parity_accept.clone(),
            components: BTreeMap::new(),
            secrets: self.secrets.clone(),
            configs: self.configs.clone(),
            volumes: self.volumes.clone(),
            objects: self.objects.clone(),
            patches: self.patches.clone(),
            docker_patches: self.docker_patches.clone(),
            grants: self.grants.clone(),
        }
    }

    /// Returns the access mode of a persistent volume of a component.
    pub fn access(&self, volume: &Volume) -> Option<Access> {
        match &volume.source {
            VolumeSource::Persistent { access, .. } => Some(*access),
            VolumeSource::Shared(name) => Some(self.volumes.get(name)?.access),
            _ => None,
        }
    }

    /// Returns the components that have to be up before a component starts, sorted by name.
    pub(crate) fn start_after(&self, name: &str) -> BTreeSet<&str> {
        self.components
            .get(name)
            .into_iter()
            .flat_map(|component| &component.needs)
            .filter(|(other, need)| !need.optional && self.components.contains_key(*other))
            .map(|(other, _)| other.as_str())
            .collect()
    }
}

/// A Kubernetes object exactly as a fragment declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawObject {
    /// The name in the model.
    pub name: Name,
    /// The declaring team.
    pub team: Name,
    /// The path in the model.
    pub path: Path,
    /// The whole object.
    pub manifest: serde_json::Value,
}

/// A secret: a reference to a value, never the value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// The name.
    pub name: Name,
    /// The declaring team.
    pub team: Name,
    /// The path in the model.
    pub path: Path,
    /// The provider of the value.
    pub provider: SecretProvider,
}

/// The provider of a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretProvider {
    /// Generated once at random and stored by the runtime.
    Generate {},
    /// A variable in the environment of the applying user.
    Env(String),
    /// A file, relative to the system's root.
    File(String),
    /// A command that prints the value.
    Command(Vec<String>),
    /// A key of a Secret that already exists in the cluster.
    #[serde(rename_all = "camelCase")]
    Kubernetes {
        /// The Secret's name.
        name: String,
        /// The key in it.
        key: String,
        /// The key that holds the same value, percent-encoded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoded_key: Option<String>,
    },
    /// A secret of an external store, synced into the cluster by an operator.
    External {
        /// The store's name.
        store: String,
        /// The store's kind.
        kind: String,
        /// The secret's name in the store.
        key: String,
    },
}

/// Shared configuration data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The name.
    pub name: Name,
    /// The declaring team.
    pub team: Name,
    /// The data.
    pub data: BTreeMap<String, String>,
}
