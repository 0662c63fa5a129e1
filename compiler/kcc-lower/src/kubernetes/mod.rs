//! Lowering to Kubernetes.
//!
//! Each component becomes a ServiceAccount with its rights, a Service where it
//! has ports, a network policy for whoever needs it and for what it needs, a
//! ConfigMap where it has files, and one workload: a Deployment, a `DaemonSet` where
//! one runs on every machine, a `StatefulSet`
//! where replicas keep their own data, a Job or a `CronJob`; what the fragments say of its
//! availability adds an autoscaler and a disruption budget. Objects are typed structs of
//! k8s-openapi until the very end. Only what is meant is set: what the API
//! server fills in is its own.

mod availability;
mod desired;
mod env;
mod external_secrets;
mod gateway;
mod limits;
mod metadata;
mod network;
mod objects;
mod patch;
mod pod;
mod policies;
mod probe;
mod quantity;
mod rights;
mod secrets;
mod security;
mod storage;
mod workload;

pub use desired::*;
pub(crate) use objects::RULES;
pub(crate) use policies::{called, talks_to_itself};
pub use secrets::{ENCODED_KEY, GENERATED_KEY};
pub(crate) use storage::key as file_key;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::{Metadata, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kcc_diag::Code;
use kcc_model::{Build, Component, Image};
use kcc_tree::Path;
use serde::Serialize;

use crate::lowering::Lowering;
use metadata::Owner;

/// Kinds in the order in which they are rendered: what others refer to first.
const RANK: [&str; 19] = [
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "NetworkPolicy",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Ingress",
];

/// A namespace that every cluster has and nobody may delete.
const BUILT_IN_NAMESPACE: &str = "default";

/// What leads requests from outside to routes.
pub(crate) struct Routing<'a> {
    pub(crate) ingress_class: Option<&'a str>,
    /// A Gateway that is there.
    pub(crate) gateway: Option<&'a str>,
    /// The class of a Gateway that kcc makes.
    pub(crate) gateway_class: Option<&'a str>,
}

pub(crate) fn lower(
    lowering: &mut Lowering<'_>,
    context: Option<&str>,
    namespace: &str,
    routing: &Routing<'_>,
) -> KubernetesDesired {
    let mut objects = Objects {
        namespace,
        found: BTreeMap::new(),
    };
    if namespace != BUILT_IN_NAMESPACE {
        let metadata = metadata::of(lowering, namespace, None, Owner::System);
        let object = Namespace {
            metadata,
            ..Namespace::default()
        };
        objects.add(lowering, &object, &Belongs::to_all());
    }
    policies::closed(lowering, &mut objects);
    storage::configs(lowering, &mut objects);
    for component in lowering.running() {
        limits::hold(lowering, component);
        rights::lower(lowering, component, &mut objects);
        storage::files(lowering, component, &mut objects);
        storage::claims(lowering, component, &mut objects);
        policies::open(lowering, component, &mut objects);
        network::service(lowering, component, &mut objects);
        let parent = match (routing.gateway, routing.gateway_class) {
            (Some(gateway), _) => Some(gateway::Parent::there(gateway)),
            (None, Some(_)) => Some(gateway::Parent::own(lowering)),
            (None, None) => None,
        };
        match parent {
            Some(parent) => gateway::routes(lowering, component, &parent, &mut objects),
            None => network::ingress(lowering, component, routing.ingress_class, &mut objects),
        }
        workload::lower(lowering, component, &mut objects);
        availability::autoscaler(lowering, component, &mut objects);
        availability::budget(lowering, component, &mut objects);
    }
    if let (None, Some(class)) = (routing.gateway, routing.gateway_class) {
        gateway::lower(lowering, class, &mut objects);
    }
    external_secrets::lower(lowering, &mut objects);
    patch::apply(lowering, &mut objects);
    objects::lower(lowering, &mut objects);
    KubernetesDesired {
        context: context.map(str::to_owned),
        namespace: namespace.to_owned(),
        secrets: secrets::made(lowering),
        builds: builds(lowering),
        objects: objects.found.into_values().collect(),
    }
}

/// The images that have to be built, each once.
fn builds(lowering: &Lowering<'_>) -> Vec<Build> {
    let by_tag: BTreeMap<&String, &Build> = lowering
        .running()
        .filter_map(|component| match &component.container.image {
            Image::Build(build) => Some((&build.tag, build)),
            // What stands beside the main container is never built for itself.
            Image::Reference(_) => None,
        })
        .collect();
    by_tag.into_values().cloned().collect()
}

/// What an object belongs to.
struct Belongs<'a> {
    component: Option<&'a Component>,
    team: Option<&'a str>,
    path: Path,
    /// Holds data.
    data: bool,
}

impl<'a> Belongs<'a> {
    fn to(component: &'a Component) -> Self {
        Self {
            component: Some(component),
            team: Some(&component.team),
            path: component.path.clone(),
            data: false,
        }
    }

    fn to_team(team: &'a str, path: Path) -> Self {
        Self {
            component: None,
            team: Some(team),
            path,
            data: false,
        }
    }

    /// The namespace: deleting it deletes every claim in it.
    fn to_all() -> Self {
        Self {
            component: None,
            team: None,
            path: Path::of(["system"]),
            data: true,
        }
    }
}

/// The objects so far, by the rank of their kind and by name.
struct Objects<'a> {
    namespace: &'a str,
    found: BTreeMap<(usize, String, String), Object>,
}

impl Objects<'_> {
    fn add<T>(&mut self, lowering: &mut Lowering<'_>, object: &T, belongs: &Belongs<'_>)
    where
        T: Resource + Metadata<Ty = ObjectMeta> + Serialize,
    {
        let object = Object {
            api_version: T::API_VERSION.to_owned(),
            kind: T::KIND.to_owned(),
            namespace: object.metadata().namespace.clone(),
            name: object.metadata().name.clone().unwrap_or_default(),
            component: belongs.component.map(|component| component.name.clone()),
            team: belongs.team.map(str::to_owned),
            data: belongs.data,
            manifest: serde_json::to_value(object).unwrap_or_default(),
        };
        self.push(lowering, object, &belongs.path);
    }

    /// Adds an object that is whole; no two may have one name.
    fn push(&mut self, lowering: &mut Lowering<'_>, object: Object, path: &Path) {
        let rank = RANK
            .iter()
            .position(|kind| *kind == object.kind)
            .unwrap_or(RANK.len());
        let place = (rank, object.kind.clone(), object.name.clone());
        match self.found.entry(place) {
            Entry::Occupied(_) => lowering.error(
                Code::LowerNameClash,
                path,
                format!(
                    "the {} would be called `{}`, as another one",
                    object.kind, object.name
                ),
                "the name is taken",
                "rename one of the two",
            ),
            Entry::Vacant(free) => {
                free.insert(object);
            }
        }
    }
}
