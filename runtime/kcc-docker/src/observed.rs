//! What an engine holds of one target, in types of kcc's own, so that
//! reconciling needs neither an engine nor its library.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use kcc_plan::{MissingSecret, Readiness, Recovered};
use serde_json::Value;

/// Labels by which kcc knows its own objects again.
pub(crate) mod label {
    pub(crate) const SYSTEM: &str = "dev.kcc.system";
    pub(crate) const TARGET: &str = "dev.kcc.target";
    pub(crate) const INSTANCE: &str = "dev.kcc.instance";
    pub(crate) const COMPONENT: &str = "dev.kcc.component";
    pub(crate) const TEAM: &str = "dev.kcc.team";
    /// The hash of a container's whole configuration.
    pub(crate) const CONFIG_HASH: &str = "dev.kcc.config-hash";
    /// Short hashes of its fields, so that a plan can name what changed.
    pub(crate) const CONFIG_FIELDS: &str = "dev.kcc.config-fields";
    /// The hash of the context that an image was built from.
    pub(crate) const CONTEXT_HASH: &str = "dev.kcc.context-hash";
}

/// What follows the name of a container that is about to take another's place.
pub(crate) const SUCCESSOR: &str = ".new";

/// The container that an operation may have been on which made one of that
/// name: a successor takes its place, an init step runs before it starts.
pub(crate) fn made_for(name: &str) -> &str {
    let name = name.split_once('_').map_or(name, |(main, _)| main);
    name.strip_suffix(SUCCESSOR).unwrap_or(name)
}

/// What an engine holds of one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// Every container of the target, and every other whose name is wanted.
    pub(crate) containers: BTreeMap<String, ObservedContainer>,
    /// Likewise networks.
    pub(crate) networks: BTreeMap<String, ObservedObject>,
    /// More networks of the same names: an engine that was still making one for
    /// an apply that was killed lets the next apply make it again.
    pub(crate) twins: Vec<(String, ObservedObject)>,
    /// Likewise volumes.
    pub(crate) volumes: BTreeMap<String, ObservedObject>,
    /// The images that are wanted and there.
    pub(crate) images: BTreeMap<String, ObservedImage>,
    /// For each image that is built, the hash of its context now.
    pub(crate) contexts: BTreeMap<String, String>,
    /// Host ports that are taken, by containers of others or by other programs.
    pub(crate) taken_ports: BTreeSet<u16>,
    /// Containers live in a virtual machine: their own addresses cannot be
    /// reached from here.
    pub(crate) in_machine: bool,
    /// An earlier apply on this machine left a record of what it made.
    pub(crate) recorded: bool,
    /// Why the last apply did not bring components to their desired state.
    pub(crate) failures: BTreeMap<String, String>,
    /// Whether containers do what they should, where that was looked at.
    pub(crate) readiness: BTreeMap<String, Readiness>,
    /// Objects that only carry the target's labels.
    pub(crate) doubtful: Vec<Recovered>,
    /// Secrets whose values could not be compared.
    pub(crate) missing_secrets: Vec<MissingSecret>,
}

/// Whose an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It carries the target's labels, and the state folder knows it.
    Ours,
    /// Its labels and its name say that kcc made it, but the state folder does
    /// not know it: another machine or user did, or the folder is gone.
    Claimed,
    /// kcc did not make it.
    Foreign,
}

/// A network or volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedObject {
    /// The engine's identity of it.
    pub(crate) id: String,
    pub(crate) ownership: Ownership,
    pub(crate) component: Option<String>,
    pub(crate) team: Option<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedContainer {
    /// What all objects have.
    pub(crate) object: ObservedObject,
    pub(crate) state: ContainerState,
    pub(crate) config_hash: Option<String>,
    pub(crate) config_fields: Option<String>,
    /// The identity of the image that it was made from.
    pub(crate) image_id: String,
    /// Host ports by the port inside the container and its protocol.
    pub(crate) published: BTreeMap<(u16, String), u16>,
    /// Host addresses at which its ports are reached while it runs.
    pub(crate) addresses: BTreeMap<(u16, String), Vec<SocketAddr>>,
    /// Networks that it is connected to.
    pub(crate) networks: BTreeMap<String, Attached>,
    /// The identity of the container whose network it shares.
    pub(crate) joined: Option<String>,
    /// When it started last, in a form that sorts.
    pub(crate) started_at: String,
    /// Its settings as they are, and as they were when kcc made it, if that is
    /// known.
    pub(crate) settings: Value,
    pub(crate) recorded: Option<Value>,
    /// How what runs in it differs from what its labels claim.
    pub(crate) process: ProcessDrift,
}

/// A network that a container is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attached {
    /// The identity of the network.
    pub(crate) network: String,
    /// Its address there while it runs.
    pub(crate) address: Option<String>,
    /// The names that it answers to there.
    pub(crate) aliases: BTreeSet<String>,
}

/// How what runs in a container differs from what it was made for, without any
/// value: some are secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ProcessDrift {
    /// Secrets whose values are others now.
    pub(crate) secrets: BTreeSet<String>,
    /// What else differs, in words.
    pub(crate) changes: Vec<String>,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerState {
    /// Made, and never started.
    Created,
    Running,
    Paused,
    /// Between two attempts.
    Restarting,
    /// It ended with that code.
    Exited(i64),
    /// It is being removed, or could not be.
    Dead,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedImage {
    pub(crate) id: String,
    /// The hash of the context that kcc built it from.
    pub(crate) context_hash: Option<String>,
    /// The user that it names; empty if it names none.
    pub(crate) user: String,
}
