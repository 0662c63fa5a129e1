//! [`Desired`]: what an engine should hold, and in which order it comes up.

use std::collections::BTreeMap;

use kcc_model::{Name, Until};
use serde::Serialize;

use crate::{docker::DockerDesired, kubernetes::KubernetesDesired};

/// The desired state of one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Desired {
    /// `system.name`.
    pub system: Name,
    /// The target.
    pub target: Name,
    /// Components by name: their order, and who answers for them.
    pub components: BTreeMap<Name, DesiredComponent>,
    /// The objects, for the engine that the target is bound to.
    pub engine: EngineDesired,
}

/// The objects of one engine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EngineDesired {
    /// For a Docker engine.
    Docker(DockerDesired),
    /// For a Kubernetes cluster.
    Kubernetes(KubernetesDesired),
}

/// A component as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredComponent {
    /// The team that owns it.
    pub team: Name,
    /// Its path in the model, such as `services.web`.
    pub path: String,
    /// Runs to completion.
    pub job: bool,
    /// What has to be true of others before it starts; optional needs are left out.
    pub after: BTreeMap<Name, Until>,
    /// How long an apply waits for it, in milliseconds.
    pub deadline_ms: u64,
}
