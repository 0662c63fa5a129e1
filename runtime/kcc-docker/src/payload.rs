//! [`Payload`]: the data to perform one step. Everything is decided in it: names,
//! host ports, how a container is replaced.

use std::{collections::BTreeMap, sync::Arc};

use kcc_lower::docker::Container;
use kcc_model::{Build, IpAddr, Until};
use serde::{Serialize, Serializer};

/// The payload of one step.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Payload {
    /// Pulls an image.
    Pull {
        reference: String,
        platform: Option<String>,
    },
    /// Builds an image and labels it with the hash of its context.
    Build {
        build: Build,
        platform: Option<String>,
        context_hash: String,
    },
    CreateNetwork {
        labels: BTreeMap<String, String>,
    },
    CreateVolume {
        labels: BTreeMap<String, String>,
    },
    /// Creates a volume and copies into it what another one contains.
    CopyVolume {
        source: String,
        labels: BTreeMap<String, String>,
    },
    /// Creates a container, writes its files and starts it, unless it runs on demand.
    Create(#[serde(serialize_with = "pointee")] Arc<NewContainer>),
    /// Replaces a container with a new one.
    Replace {
        #[serde(serialize_with = "pointee")]
        new: Arc<NewContainer>,
        /// The identity of the old container.
        old: String,
        how: Replacement,
    },
    /// Starts an existing container.
    Start {
        id: String,
        /// For a sidecar of a job, the job's container.
        job: Option<String>,
    },
    /// Stops an existing container and starts it again.
    Restart {
        id: String,
        job: Option<String>,
    },
    /// Unpauses a container.
    Unpause {
        id: String,
    },
    /// Stops and removes a container.
    RemoveContainer {
        id: String,
    },
    /// Stops and removes a container that is not kcc's, and keeps its volumes.
    RemoveFormer {
        id: String,
    },
    RemoveNetwork {
        id: String,
    },
    RemoveVolume,
}

/// Serialises what an `Arc` points to.
fn pointee<S: Serializer>(new: &Arc<NewContainer>, serializer: S) -> Result<S::Ok, S::Error> {
    new.as_ref().serialize(serializer)
}

/// A container to be created.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NewContainer {
    pub(crate) container: Container,
    /// The model path of its component.
    pub(crate) path: String,
    pub(crate) ports: Vec<HostPort>,
    /// All labels, including those that kcc compares.
    pub(crate) labels: BTreeMap<String, String>,
    /// For a sidecar of a job, the job's container, with which it ends.
    pub(crate) job: Option<String>,
    /// The deadline for its readiness, in milliseconds. It changes nothing, so a plan
    /// may be applied with another one.
    #[serde(skip)]
    pub(crate) deadline_ms: u64,
}

impl NewContainer {
    /// Returns the host ports that it holds while it runs.
    pub(crate) fn host_ports(&self) -> Vec<u16> {
        self.ports.iter().map(|port| port.host).collect()
    }

    /// Describes a temporary container that prepares this one, without ports and init
    /// steps of its own. It is never compared with anything.
    pub(crate) fn temporary(&self, container: Container) -> Self {
        Self {
            labels: container.labels.clone(),
            path: self.path.clone(),
            ports: Vec::new(),
            job: None,
            deadline_ms: self.deadline_ms,
            container: Container {
                init: Vec::new(),
                ..container
            },
        }
    }
}

/// A port of a container and its host port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HostPort {
    pub(crate) container: u16,
    pub(crate) protocol: &'static str,
    pub(crate) host: u16,
    /// The address of the host that it is bound to; all if none.
    pub(crate) address: Option<IpAddr>,
}

/// The strategy to replace a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Replacement {
    /// The old container runs until the new one is ready, and stays if it never is.
    Overlap,
    /// The old container is stopped before the new one starts, because both would
    /// hold the same host port or write to the same volume.
    StopFirst {
        /// The running sidecars of the old container, by name. If the new one
        /// fails they are restarted with the old one, or stopped, because they
        /// share its network.
        sidecars: Vec<String>,
        /// The state that the new container must reach before the old one is
        /// removed. None for a job, whose work begins with its start.
        until: Option<Until>,
        /// True if the old container is restarted if the new one fails: it ran, and it
        /// is not a job, whose work would be done once more.
        resumes: bool,
    },
    /// The new container is not started; its user starts it on demand.
    AtRest,
}
