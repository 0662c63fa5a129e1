//! [`SystemModel`]: the system, its teams, and one [`TargetModel`] for each target.
//!
//! Values are plain; where one came from is asked of the `ConfigTree` by its
//! path, which every component carries.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::Path;
use serde::Serialize;

use crate::{Component, Grant, Millis};

/// The name of a component, team, port, volume and the like: a DNS label.
pub type Name = String;

/// The whole system in all targets.
#[derive(Debug, Clone, Serialize)]
pub struct SystemModel {
    /// `system.name`.
    pub name: Name,
    /// The teams; a system without teams has one, named after it.
    pub teams: BTreeMap<Name, Team>,
    /// The model of each target.
    pub targets: BTreeMap<Name, TargetModel>,
}

/// A team.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// The folder of its fragments, relative to the root.
    pub path: String,
    /// Who answers for it, as in a CODEOWNERS file.
    pub owners: Vec<String>,
    /// Patterns of paths that nobody else may give a value.
    pub owns: Vec<String>,
    /// Patterns of paths that it may constrain and give values.
    pub governs: Vec<String>,
}

/// Where a target runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EngineTarget {
    /// A Docker engine.
    Docker {},
    /// A Kubernetes cluster.
    #[serde(rename_all = "camelCase")]
    Kubernetes {
        /// The kubeconfig context; the current one if none.
        context: Option<String>,
        /// The namespace; `<system>-<target>` unless the fragment says another.
        namespace: String,
        /// The ingress class.
        ingress_class: Option<String>,
        /// The Gateway that routes are attached to, as `name` or
        /// `namespace/name`; without it routes become Ingresses.
        gateway: Option<String>,
        /// The class of the Gateway that kcc makes for them.
        gateway_class: Option<String>,
    },
}

impl EngineTarget {
    /// The time that a container has to end where nobody says it. On a laptop and
    /// in tests nobody waits for what production grants.
    pub fn grace_period(&self) -> Millis {
        match self {
            Self::Docker {} => Millis(10_000),
            Self::Kubernetes { .. } => Millis(30_000),
        }
    }
}

/// What runs in one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetModel {
    /// The target's name.
    pub target: Name,
    /// Where it runs.
    pub engine: EngineTarget,
    /// Paths whose drop is accepted, with the reason.
    pub parity_accept: BTreeMap<String, String>,
    /// Services, jobs, cron jobs and backings, in one space of names.
    pub components: BTreeMap<Name, Component>,
    /// Secrets that components refer to.
    pub secrets: BTreeMap<Name, Secret>,
    /// Shared configuration data.
    pub configs: BTreeMap<Name, Config>,
    /// Raw objects of Kubernetes.
    pub objects: BTreeMap<Name, RawObject>,
    /// What components merge into their objects of Kubernetes, by the
    /// component's name and the object's kind.
    pub patches: BTreeMap<Name, BTreeMap<String, serde_json::Value>>,
    /// What components merge into their containers on Docker.
    pub docker_patches: BTreeMap<Name, serde_json::Value>,
    /// What components may do that none may do by itself.
    pub grants: BTreeMap<Name, Grant>,
}

impl TargetModel {
    /// The components that a component needs to be up before it starts, in the order of names.
    pub fn start_after(&self, name: &str) -> BTreeSet<&str> {
        self.components
            .get(name)
            .into_iter()
            .flat_map(|component| &component.needs)
            .filter(|(other, need)| !need.optional && self.components.contains_key(*other))
            .map(|(other, _)| other.as_str())
            .collect()
    }
}

/// An object of Kubernetes as a fragment writes it.
#[derive(Debug, Clone, Serialize)]
pub struct RawObject {
    /// Its name in the model.
    pub name: Name,
    /// The team that declares it.
    pub team: Name,
    /// Its path in the model.
    #[serde(skip)]
    pub path: Path,
    /// All of it.
    pub manifest: serde_json::Value,
}

/// A secret: a reference, never a value.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Its name.
    pub name: Name,
    /// The team that declares it.
    pub team: Name,
    /// Its path in the model.
    #[serde(skip)]
    pub path: Path,
    /// Where the value comes from.
    pub provider: SecretProvider,
}

/// Where a secret's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretProvider {
    /// Made once, at random, and kept by the engine's side.
    Generate {},
    /// A variable in the environment of whoever applies.
    Env(String),
    /// A file, relative to the system's root.
    File(String),
    /// A command whose output it is.
    Command(Vec<String>),
    /// A key of a Secret that is in the cluster already.
    #[serde(rename_all = "camelCase")]
    Kubernetes {
        /// Name of the Secret.
        name: String,
        /// Key inside it.
        key: String,
        /// The key of the same value, percent-encoded.
        #[serde(skip_serializing_if = "Option::is_none")]
        encoded_key: Option<String>,
    },
    /// A secret of an outer store, brought into the cluster by an operator.
    External {
        /// Name of the store.
        store: String,
        /// Kind of the store.
        kind: String,
        /// Name of the secret inside it.
        key: String,
    },
}

/// Shared configuration data.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// Its name.
    pub name: Name,
    /// The team that declares it.
    pub team: Name,
    /// The data.
    pub data: BTreeMap<String, String>,
}
