//! [`Project`]: the containers of Docker Compose that kcc takes over.
//!
//! Compose's containers give way to kcc's, under other names. Its volumes stay as they
//! are: the engine can neither rename nor label them, so kcc copies what they contain
//! into volumes of its own before their first use. Until a copy is complete there is a
//! container that mounts both volumes and never starts, the *copier*: a volume whose
//! copier is left is copied again.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::docker::{Container, DockerDesired, Mount};

/// The suffix of the name of a copier, after that of the volume.
const COPIER: &str = "copy";

/// Returns the name of the copier of a volume.
pub(crate) fn copier(volume: &str) -> String {
    Container::extra_name(volume, COPIER)
}

/// Returns the volume of a copier.
pub(crate) fn copied(copier: &str) -> Option<&str> {
    let (volume, part) = copier.rsplit_once('_')?;
    (part == COPIER).then_some(volume)
}

/// A project of Compose with services that a target declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Project {
    pub(crate) name: String,
    /// Its containers by name.
    pub(crate) containers: BTreeMap<String, ServiceContainer>,
}

/// A container of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceContainer {
    pub(crate) id: String,
    pub(crate) service: String,
    /// True if the target declares a component of the service's name.
    pub(crate) declared: bool,
    pub(crate) host_ports: BTreeSet<u16>,
    /// The named volumes by path.
    pub(crate) volumes: BTreeMap<String, String>,
}

impl Project {
    /// Returns the containers that give way to those of the target.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = (&String, &ServiceContainer)> {
        self.containers.iter().filter(|(_, one)| one.declared)
    }

    /// Returns the volume of the project from which a volume of the target is copied: its
    /// service mounts it at the same path as the component.
    pub(crate) fn source(&self, docker: &DockerDesired, volume: &str) -> Option<&str> {
        let is_it = |mount: &Mount| matches!(mount, Mount::Volume(name) if name == volume);
        docker.containers.values().find_map(|container| {
            let mut mounts = container.mounts.iter();
            let (path, _) = mounts.find(|(_, mount)| is_it(mount))?;
            let mut services = self.replaced().map(|(_, one)| one);
            services
                .find(|one| one.service == container.component && one.volumes.contains_key(path))
                .map(|one| one.volumes[path].as_str())
        })
    }
}
