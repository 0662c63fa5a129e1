//! [`Part`]: the objects of one component, or those of none. A lowered target is the sum
//! of its parts, so that a component that did not change need not be stored again.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::{
    Desired, DesiredComponent, EngineDesired, Lowered, SharedComponent,
    docker::DockerDesired,
    kubernetes::{KubernetesDesired, order},
    source::{ObjectId, Sources},
};

/// The objects of one component, or those of none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The component as the planner sees it; none for objects of no component, and for a
    /// component that does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<DesiredComponent>,
    /// The objects. What holds for the whole target, such as the namespace, is in the
    /// part of no component alone.
    pub engine: EngineDesired,
    /// The components that an instance uses instead of creating them, in the part of no
    /// component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<Name, SharedComponent>,
    /// The sources of the fields of each object.
    sources: Vec<(ObjectId, Sources)>,
}

impl Part {
    /// Returns the part of a component that has no objects on the same engine.
    #[must_use]
    pub fn without_objects(&self) -> Self {
        Self {
            component: None,
            engine: self.engine.empty(),
            shared: BTreeMap::new(),
            sources: Vec::new(),
        }
    }
}

impl Lowered {
    /// Splits the target into the part of no component and those of each component.
    pub fn split(&self) -> (Part, BTreeMap<Name, Part>) {
        let mut engines = self.desired.engine.split();
        let names = engines.keys().flatten();
        let names: BTreeSet<_> = names
            .chain(self.desired.components.keys())
            .cloned()
            .collect();
        let mut sources: BTreeMap<Option<Name>, Vec<_>> = BTreeMap::new();
        let owners = self.desired.engine.owners();
        for (id, of) in &self.sources {
            let owner = owners.get(id).cloned().flatten();
            sources
                .entry(owner)
                .or_default()
                .push((id.clone(), of.clone()));
        }
        let mut part = |component: Option<&Name>, desired: Option<&DesiredComponent>| Part {
            component: desired.cloned(),
            engine: engines
                .remove(&component.cloned())
                .unwrap_or_else(|| self.desired.engine.empty()),
            shared: match component {
                None => self.desired.shared.clone(),
                Some(_) => BTreeMap::new(),
            },
            sources: sources.remove(&component.cloned()).unwrap_or_default(),
        };
        let components = names.iter().map(|name| {
            let part = part(Some(name), self.desired.components.get(name));
            (name.clone(), part)
        });
        let components = components.collect();
        (part(None, None), components)
    }

    /// Puts a target together again from its parts.
    pub fn join(
        (system, target, instance): (Name, Name, Option<Name>),
        shared: Part,
        parts: impl IntoIterator<Item = (Name, Part)>,
    ) -> Self {
        let Part {
            mut engine,
            shared,
            sources,
            ..
        } = shared;
        let mut sources: BTreeMap<_, _> = sources.into_iter().collect();
        let mut components = BTreeMap::new();
        for (name, part) in parts {
            components.extend(part.component.map(|component| (name, component)));
            engine.add(part.engine);
            sources.extend(part.sources);
        }
        if let EngineDesired::Kubernetes(kubernetes) = &mut engine {
            kubernetes.objects.sort_by_cached_key(order);
            kubernetes.secrets.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let desired = Desired {
            system,
            target,
            instance,
            components,
            shared,
            engine,
        };
        Self { desired, sources }
    }
}

impl EngineDesired {
    /// Returns a target of the same engine without anything in it.
    fn empty(&self) -> Self {
        match self {
            Self::Docker(_) => Self::Docker(DockerDesired::default()),
            Self::Kubernetes(_) => Self::Kubernetes(KubernetesDesired::default()),
        }
    }

    /// Splits the objects by component. What belongs to the whole target goes with the
    /// objects of no component.
    fn split(&self) -> BTreeMap<Option<Name>, Self> {
        match self {
            Self::Docker(docker) => {
                let mut parts: BTreeMap<Option<Name>, DockerDesired> = BTreeMap::new();
                let whole = parts.entry(None).or_default();
                whole.secrets.clone_from(&docker.secrets);
                whole.probe_image.clone_from(&docker.probe_image);
                for (name, network) in &docker.networks {
                    let part = parts.entry(network.component.clone()).or_default();
                    part.networks.insert(name.clone(), network.clone());
                }
                for (name, volume) in &docker.volumes {
                    let part = parts.entry(volume.component.clone()).or_default();
                    part.volumes.insert(name.clone(), volume.clone());
                }
                for (name, image) in &docker.images {
                    let part = parts.entry(Some(image.component.clone())).or_default();
                    part.images.insert(name.clone(), image.clone());
                }
                for (name, container) in &docker.containers {
                    let part = parts.entry(Some(container.component.clone())).or_default();
                    part.containers.insert(name.clone(), container.clone());
                }
                let parts = parts.into_iter();
                parts
                    .map(|(name, part)| (name, Self::Docker(part)))
                    .collect()
            }
            Self::Kubernetes(kubernetes) => {
                let mut parts: BTreeMap<Option<Name>, KubernetesDesired> = BTreeMap::new();
                let whole = parts.entry(None).or_default();
                whole.context.clone_from(&kubernetes.context);
                whole.namespace.clone_from(&kubernetes.namespace);
                whole.builds.clone_from(&kubernetes.builds);
                whole.locked.clone_from(&kubernetes.locked);
                for object in &kubernetes.objects {
                    let part = parts.entry(object.component.clone()).or_default();
                    part.objects.push(object.clone());
                }
                for secret in &kubernetes.secrets {
                    let part = parts.entry(secret.component.clone()).or_default();
                    part.secrets.push(secret.clone());
                }
                let parts = parts.into_iter();
                parts
                    .map(|(name, part)| (name, Self::Kubernetes(part)))
                    .collect()
            }
        }
    }

    /// Adds the objects of another part.
    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Docker(all), Self::Docker(part)) => {
                all.networks.extend(part.networks);
                all.volumes.extend(part.volumes);
                all.images.extend(part.images);
                all.containers.extend(part.containers);
            }
            (Self::Kubernetes(all), Self::Kubernetes(part)) => {
                all.objects.extend(part.objects);
                all.secrets.extend(part.secrets);
            }
            // The parts of a target are of one engine.
            _ => {}
        }
    }

    /// Returns the component of each object.
    fn owners(&self) -> BTreeMap<ObjectId, Option<Name>> {
        let id = |kind: &str, name: &String| (kind.to_owned(), name.clone());
        match self {
            Self::Docker(docker) => {
                let networks = docker.networks.iter();
                let networks = networks.map(|(name, of)| (id("network", name), &of.component));
                let volumes = docker.volumes.iter();
                let volumes = volumes.map(|(name, of)| (id("volume", name), &of.component));
                let optional = networks.chain(volumes);
                let optional = optional.map(|(id, component)| (id, component.clone()));
                let images = docker.images.iter();
                let images = images.map(|(name, of)| (id("image", name), &of.component));
                let containers = docker.containers.iter();
                let containers =
                    containers.map(|(name, of)| (id("container", name), &of.component));
                let always = images.chain(containers);
                let always = always.map(|(id, component)| (id, Some(component.clone())));
                optional.chain(always).collect()
            }
            Self::Kubernetes(kubernetes) => {
                let objects = kubernetes.objects.iter();
                objects
                    .map(|object| {
                        let id = (object.kind.to_lowercase(), object.name.clone());
                        (id, object.component.clone())
                    })
                    .collect()
            }
        }
    }
}
