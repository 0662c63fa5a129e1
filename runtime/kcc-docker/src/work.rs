//! [`Work`]: what the engine needs to perform one step. Everything is decided:
//! names, host ports, how a container is replaced.

use std::{collections::BTreeMap, sync::Arc};

use kcc_lower::docker::Container;
use kcc_model::{Build, Until};

/// One step on an engine.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Fetches an image.
    Pull {
        reference: String,
    },
    /// Builds an image; the hash of its context becomes a label.
    Build {
        build: Build,
        context_hash: String,
    },
    CreateNetwork {
        labels: BTreeMap<String, String>,
    },
    CreateVolume {
        labels: BTreeMap<String, String>,
    },
    /// Makes a container, writes its files and starts it, unless that is for
    /// somebody else to do.
    Create(Arc<NewContainer>),
    /// Puts a new container in the place of another.
    Replace {
        new: Arc<NewContainer>,
        /// The identity of the old one.
        old: String,
        how: Replacement,
    },
    /// Starts a container that is there.
    Start {
        id: String,
    },
    /// Stops a container that is there and starts it again.
    Restart {
        id: String,
    },
    /// Lets a paused container go on.
    Unpause {
        id: String,
    },
    /// Stops a container and removes it.
    RemoveContainer {
        id: String,
    },
    RemoveNetwork {
        id: String,
    },
    RemoveVolume,
}

impl Work {
    /// Whether a container runs afterwards.
    pub(crate) fn starts(&self) -> bool {
        matches!(
            self,
            Self::Create(_) | Self::Replace { .. } | Self::Start { .. } | Self::Restart { .. }
        )
    }
}

/// A container to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewContainer {
    pub(crate) container: Container,
    /// The path of its component in the model.
    pub(crate) path: String,
    pub(crate) ports: Vec<HostPort>,
    /// All labels, those that kcc compares with among them.
    pub(crate) labels: BTreeMap<String, String>,
    /// How long it may take to become ready, in milliseconds.
    pub(crate) deadline_ms: u64,
}

impl NewContainer {
    /// The host ports that it holds while it runs.
    pub(crate) fn host_ports(&self) -> Vec<u16> {
        self.ports.iter().map(|port| port.host).collect()
    }
}

/// A port of a container and the host port that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) container: u16,
    pub(crate) protocol: &'static str,
    pub(crate) host: u16,
    /// Reached from this machine alone: it is there for kcc's own checks.
    pub(crate) private: bool,
}

/// How a container takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// The old one goes on until the new one is ready, and stays if that never
    /// becomes so.
    Overlap,
    /// The old one is stopped before the new one starts, because both would
    /// need the same host port or write to the same volume.
    StopFirst {
        /// The sidecars of the old one that run, by name. If the new one cannot
        /// start, nothing else is left in their network: they are stopped, too.
        beside: Vec<String>,
        /// What the new one has to be before the old one is removed; if it never
        /// is, the old one and they are started again. None for what runs to its
        /// end: nobody asked for one more run of what it did before.
        until: Option<Until>,
    },
    /// The new one is not started: whoever wants a run starts it.
    AtRest,
}
