//! [`Docker`]: the state of the engine in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::system::Seeds;
use crate::{
    observed::{Attachment, ContainerState, ObservedImage},
    payload::NewContainer,
};

/// An engine in memory.
#[derive(Debug)]
pub(super) struct Docker {
    pub(super) seeds: Seeds,
    pub(super) last_id: u64,
    pub(super) containers: BTreeMap<String, SimulatedContainer>,
    pub(super) networks: Vec<SimulatedNetwork>,
    pub(super) volumes: BTreeMap<String, SimulatedVolume>,
    pub(super) images: BTreeMap<String, ObservedImage>,
    /// The hash of the build context.
    pub(super) context: String,
    /// The number of the secret's value.
    pub(super) secret: u64,
    /// The objects that kcc created since the last check, as kind, name and id.
    pub(super) created: Vec<(&'static str, String, String)>,
    /// The volumes that kcc removed since the last check.
    pub(super) destroyed: Vec<String>,
    /// The first thing that kcc must never do.
    pub(super) wrong: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct SimulatedContainer {
    pub(super) id: String,
    /// True if kcc created it.
    pub(super) own: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) new: Option<Arc<NewContainer>>,
    pub(super) state: ContainerState,
    pub(super) image_id: String,
    pub(super) networks: BTreeMap<String, Attachment>,
    pub(super) joined: Option<String>,
    pub(super) started: u64,
    /// The directories whose files were written.
    pub(super) files: BTreeSet<String>,
    /// The number of the secret's value when it was created.
    pub(super) secret: u64,
    pub(super) settings: Value,
    /// True once the apply that created it has ended.
    pub(super) recorded: bool,
}

#[derive(Debug, Clone)]
pub(super) struct SimulatedNetwork {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) own: bool,
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(super) struct SimulatedVolume {
    pub(super) own: bool,
    pub(super) labels: BTreeMap<String, String>,
}
