//! The observed state of a scope, in types of kcc's own, so that reconcile needs
//! neither an engine nor its library.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub(crate) use kcc_lower::docker::label;
use kcc_plan::{
    FieldChange, LabelledObject, MissingSecret, Readiness, Reporter, Sharer, Unapplied,
};
use serde_json::Value;

use crate::{compose::Project, shared::Sharing};

/// The suffix of a container that is about to replace another.
pub(crate) const SUCCESSOR: &str = ".new";

/// Returns the name of the container whose operation may have created a container
/// of that name: itself, or the one that it succeeds or is an init step of.
pub(crate) fn base_name(name: &str) -> &str {
    let name = name.split_once('_').map_or(name, |(main, _)| main);
    name.strip_suffix(SUCCESSOR).unwrap_or(name)
}

/// The observed state of a scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// The containers of the scope, and unmanaged ones whose names it needs.
    pub(crate) containers: BTreeMap<String, ObservedContainer>,
    /// The networks, likewise.
    pub(crate) networks: BTreeMap<String, ObservedObject>,
    /// Further networks of the same names. They appear when the engine is still
    /// creating a network for a killed apply and the next apply creates it again.
    pub(crate) duplicates: Vec<(String, ObservedObject)>,
    /// The volumes, likewise.
    pub(crate) volumes: BTreeMap<String, ObservedObject>,
    /// The desired images that exist.
    pub(crate) images: BTreeMap<String, ObservedImage>,
    /// The current hash of the context, for each image that is built.
    pub(crate) contexts: BTreeMap<String, String>,
    /// The host ports held by unmanaged containers or other programs.
    pub(crate) taken_ports: BTreeSet<u16>,
    /// The unmanaged containers that hold host ports.
    pub(crate) port_holders: BTreeMap<u16, String>,
    /// The declared host ports that other programs on this machine hold.
    pub(crate) busy_ports: BTreeSet<u16>,
    /// The images that the engine lacks and no registry gives, with the reason.
    pub(crate) missing_images: BTreeMap<String, String>,
    /// True if containers run in a virtual machine, so that their addresses are
    /// not reachable from here.
    pub(crate) in_vm: bool,
    /// True if an earlier apply on this machine left records.
    pub(crate) recorded: bool,
    /// The reasons why the last apply failed.
    pub(crate) unapplied: Unapplied,
    /// True if the last apply was killed.
    pub(crate) interrupted: bool,
    /// The readiness of containers, if it was checked.
    pub(crate) readiness: BTreeMap<String, Readiness>,
    /// The objects that carry the scope's labels but are not provably kcc's.
    pub(crate) doubtful: Vec<LabelledObject>,
    /// The secrets whose values could not be compared.
    pub(crate) missing_secrets: Vec<MissingSecret>,
    /// The project of Compose that is taken over.
    pub(crate) compose: Option<Project>,
    /// The volumes whose copy is incomplete, with the volumes that they are copied from.
    pub(crate) copiers: BTreeMap<String, String>,
    /// The components that the instance shares, as its target runs them.
    pub(crate) sharing: Sharing,
    /// The containers of instances that use components of this target.
    pub(crate) sharers: BTreeMap<String, BTreeSet<Sharer>>,
}

impl Observed {
    /// Returns true if the last apply completed a component.
    pub(crate) fn is_completed(&self, component: &str) -> bool {
        self.recorded && !self.interrupted && self.unapplied.is_completed(component)
    }

    /// Returns the identities of the images that containers run, by reference.
    pub(crate) fn images(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut images: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for container in self.containers.values() {
            if container.object.ownership != Ownership::Unmanaged {
                let ids = images.entry(container.image.clone()).or_default();
                ids.insert(container.image_id.clone());
            }
        }
        images
    }

    /// Reports the objects that stay because they only carry the labels of the scope.
    pub(crate) fn report_doubts(&self, reporter: &dyn Reporter) {
        for object in &self.doubtful {
            object.report_doubt(reporter);
        }
    }

    /// Lists the objects of the scope that kcc made, and those that only carry its
    /// labels.
    pub(crate) fn labelled(&self) -> Vec<LabelledObject> {
        let mut all = self.doubtful.clone();
        let mut add = |kind: &str, name: &str, object: &ObservedObject| {
            if object.ownership != Ownership::Unmanaged {
                all.push(LabelledObject {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    component: object.component.clone(),
                    team: object.team.clone(),
                    recorded: object.ownership == Ownership::Owned,
                    doubt: None,
                });
            }
        };
        for (name, container) in &self.containers {
            add("container", name, &container.object);
        }
        for (name, network) in &self.networks {
            add("network", name, network);
        }
        for (name, duplicate) in &self.duplicates {
            add("network", name, duplicate);
        }
        for (name, volume) in &self.volumes {
            add("volume", name, volume);
        }
        all.sort();
        all
    }
}

/// The owner of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It carries the scope's labels, and the records list it.
    Owned,
    /// Its labels and name say that kcc made it, but the records do not list it: they
    /// are lost, at least in part.
    Unrecorded,
    /// kcc did not make it.
    Unmanaged,
}

/// A network or volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedObject {
    /// The engine's identity for it.
    pub(crate) id: String,
    pub(crate) ownership: Ownership,
    pub(crate) component: Option<String>,
    pub(crate) team: Option<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedContainer {
    /// The properties that all objects have.
    pub(crate) object: ObservedObject,
    pub(crate) state: ContainerState,
    pub(crate) config_hash: Option<String>,
    pub(crate) config_fields: Option<String>,
    /// The reference that it was created from, and the identity of its image.
    pub(crate) image: String,
    pub(crate) image_id: String,
    /// The host ports by container port and protocol.
    pub(crate) published: BTreeMap<(u16, String), u16>,
    /// The host addresses at which its ports are reachable while it runs.
    pub(crate) addresses: BTreeMap<(u16, String), Vec<SocketAddr>>,
    /// The networks that it is connected to.
    pub(crate) networks: BTreeMap<String, Attachment>,
    /// The identity of the container whose network it shares.
    pub(crate) joined: Option<String>,
    /// The time of its last start, in a form that sorts.
    pub(crate) started_at: String,
    /// Its settings now and, if recorded, as they were after creation.
    pub(crate) settings: Value,
    pub(crate) recorded: Option<Value>,
    /// The differences between its process and its labels.
    pub(crate) process: ProcessDrift,
}

/// A running container on a network of the scope that is not of the scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guest {
    pub(crate) network: String,
    pub(crate) name: String,
    /// The engine's identity for it.
    pub(crate) id: String,
}

/// A connection of a container to a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attachment {
    /// The identity of the network.
    pub(crate) network: String,
    /// The container's address on it while it runs.
    pub(crate) address: Option<String>,
    /// The names under which the container is reachable on it.
    pub(crate) aliases: BTreeSet<String>,
}

/// The differences between the process in a container and its labels. Contains no
/// values: some are secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ProcessDrift {
    /// The secrets whose values changed.
    pub(crate) secrets: BTreeSet<String>,
    /// The fields that hold these secrets.
    pub(crate) hidden: BTreeSet<String>,
    /// The other differences.
    pub(crate) changes: Vec<Difference>,
}

/// A field of a container that differs, with a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) text: String,
    pub(crate) change: FieldChange,
}

impl Difference {
    pub(crate) fn new(
        text: String,
        path: String,
        desired: Option<Value>,
        live: Option<Value>,
    ) -> Self {
        Self {
            text,
            change: FieldChange {
                path,
                live,
                desired,
            },
        }
    }
}

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerState {
    /// Created but never started.
    Created,
    Running,
    Paused,
    /// Between two restarts.
    Restarting,
    /// Exited with that code.
    Exited(i64),
    /// Being removed, or not removable.
    Dead,
}

impl ContainerState {
    /// Returns true for a container that was started and has not ended.
    pub(crate) fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedImage {
    pub(crate) id: String,
    /// The hash of the context that kcc built it from.
    pub(crate) context_hash: Option<String>,
    /// The user that it names; empty if it names none.
    pub(crate) user: String,
    /// Its platform, such as `linux/arm64`.
    pub(crate) platform: String,
    /// The digests under which registries have it, as `name@digest`.
    pub(crate) digests: Vec<String>,
    /// Set if the engine runs a health check of the image.
    pub(crate) has_health_check: bool,
}

impl ObservedImage {
    /// Returns true if it is for a platform; any is if none is declared.
    pub(crate) fn is_for(&self, platform: Option<&str>) -> bool {
        // Of a variant the engine reports less than what is declared.
        let mut parts = platform.unwrap_or(&self.platform).splitn(3, '/');
        let declared = [parts.next(), parts.next()];
        let mut own = self.platform.splitn(3, '/');
        declared == [own.next(), own.next()]
    }
}
