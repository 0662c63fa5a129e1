//! Lowers the model to Kubernetes.
//!
//! Each component becomes a ServiceAccount with its permissions, a Service if it has
//! ports, a network policy for its needs and the components that need it, a
//! ConfigMap if it has files, and a workload: a Deployment, `DaemonSet`,
//! `StatefulSet`, Job or `CronJob`. An autoscaler and a disruption budget follow if
//! declared. Objects are typed structs of k8s-openapi until the end. Only intended
//! fields are set: defaults belong to the API server, which fills them in.

mod availability;
mod desired;
mod env;
mod external_secrets;
mod gateway;
pub mod kind;
pub mod label;
mod limits;
mod metadata;
mod network;
mod objects;
mod patch;
mod permissions;
mod pod;
mod policies;
mod probe;
mod quantity;
mod raw_objects;
mod secrets;
mod security;
mod shared;
mod stateful;
mod storage;
mod workload;

pub use desired::*;
pub(crate) use objects::order;
pub(crate) use raw_objects::GOVERNING_KINDS;
pub use secrets::{ENCODED_KEY, GENERATED_KEY};

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use kcc_model::{Build, Component, Image, PublicPorts};

use crate::lowering::Lowering;
use metadata::Owner;
use objects::{Attribution, Objects};

/// The namespace that exists in every cluster and cannot be deleted.
const BUILT_IN_NAMESPACE: &str = "default";

/// The kinds that make a target reachable under names that only one scope can have;
/// an instance does without them.
const ROUTES: [&str; 3] = ["Ingress", "HTTPRoute", "Gateway"];

/// The target's settings for what leads in from outside.
pub(crate) struct Outside<'a> {
    pub(crate) ingress_class: Option<&'a str>,
    /// An existing Gateway.
    pub(crate) gateway: Option<&'a str>,
    /// The class of a Gateway that kcc creates.
    pub(crate) gateway_class: Option<&'a str>,
    /// The type of the Services for public ports.
    pub(crate) public_ports: PublicPorts,
}

pub(crate) fn lower(
    lowering: &mut Lowering<'_>,
    context: Option<&str>,
    namespace: &str,
    outside: &Outside<'_>,
) -> KubernetesDesired {
    // The plain target keeps its namespace to itself.
    let own = lowering
        .instance
        .map(|instance| format!("{namespace}-{instance}"));
    let target_namespace = namespace;
    let namespace = own.as_deref().unwrap_or(namespace);
    let mut objects = Objects {
        namespace,
        by_rank: BTreeMap::new(),
    };
    if namespace != BUILT_IN_NAMESPACE {
        let metadata = metadata::object(lowering, namespace, None, Owner::System);
        let object = Namespace {
            metadata,
            ..Namespace::default()
        };
        let attribution = Attribution::system();
        let sources = attribution.sources(lowering);
        sources.paths("metadata.name", metadata::namespace_paths(lowering));
        objects.add(lowering, &object, &attribution, &sources);
    }
    policies::default_deny(lowering, &mut objects);
    storage::configs(lowering, &mut objects);
    storage::shared_claims(lowering, &mut objects);
    for component in lowering.running() {
        limits::validate(lowering, component);
        permissions::lower(lowering, component, &mut objects);
        storage::files(lowering, component, &mut objects);
        storage::claims(lowering, component, &mut objects);
        policies::component(lowering, component, &mut objects);
        network::service(lowering, component, &mut objects);
        network::public(lowering, component, outside.public_ports, &mut objects);
        let parent = match (outside.gateway, outside.gateway_class) {
            (Some(gateway), _) => Some(gateway::Parent::existing(gateway)),
            (None, Some(_)) => Some(gateway::Parent::own(lowering)),
            (None, None) => None,
        };
        match parent {
            Some(parent) => gateway::routes(lowering, component, &parent, &mut objects),
            None => network::ingress(lowering, component, outside.ingress_class, &mut objects),
        }
        workload::lower(lowering, component, &mut objects);
        availability::autoscaler(lowering, component, &mut objects);
        availability::budget(lowering, component, &mut objects);
    }
    if let (None, Some(class)) = (outside.gateway, outside.gateway_class) {
        gateway::lower(lowering, class, &mut objects);
    }
    for component in lowering.shared() {
        shared::lower(lowering, component, target_namespace, &mut objects);
    }
    external_secrets::lower(lowering, &mut objects);
    patch::apply(lowering, &mut objects);
    raw_objects::lower(lowering, target_namespace, &mut objects);
    if lowering.instance.is_some() {
        let objects = &mut objects.by_rank;
        objects.retain(|_, object| !ROUTES.contains(&object.kind.as_str()));
    }
    KubernetesDesired {
        context: context.map(str::to_owned),
        namespace: namespace.to_owned(),
        secrets: secrets::created(lowering),
        builds: builds(lowering),
        locked: locked(lowering),
        objects: objects.by_rank.into_values().collect(),
    }
}

/// Returns the images to build, without duplicates.
fn builds(lowering: &Lowering<'_>) -> Vec<Build> {
    let by_tag: BTreeMap<&String, &Build> = lowering
        .running()
        .filter_map(|component| match &component.container.image {
            Image::Build(build) => Some((&build.tag, build)),
            // Init steps and sidecars never have a build of their own.
            Image::Reference(_) => None,
        })
        .collect();
    by_tag.into_values().cloned().collect()
}

/// Returns the digests of images that tags refer to.
fn locked(lowering: &Lowering<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let containers = lowering.running().flat_map(Component::containers);
    let references = containers.filter_map(|(_, container)| match &container.image {
        Image::Reference(reference) if !reference.contains('@') => Some(reference),
        _ => None,
    });
    let mut locked = BTreeMap::new();
    if lowering.target.pin_images {
        return locked;
    }
    for reference in references {
        let Some(facts) = lowering.images.get(reference) else {
            continue;
        };
        let platforms = facts.platforms.values().flatten();
        let digests = facts.digest.iter().chain(platforms);
        let digests: BTreeSet<_> = digests.cloned().map(String::from).collect();
        if !digests.is_empty() {
            locked.insert(reference.clone(), digests);
        }
    }
    locked
}
