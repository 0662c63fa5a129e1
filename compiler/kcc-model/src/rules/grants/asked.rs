//! What components and raw objects of a target ask for that needs a grant, each
//! with the path that does: in a field of the language, in a patch, or in an
//! object as Kubernetes writes it.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::{ConfigTree, Path};

use super::manifest::{self, Within};
use crate::rights::is_below;
use crate::{Component, EngineTarget, Kind, Privilege, TargetModel, VolumeSource};

/// The sockets through which the usual engines are told what to do.
const SOCKETS: [&str; 8] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
];

/// A component or an object, and all that it asks for.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) path: Path,
    /// Whether a recipe that kcc ships may ask in its place.
    pub(super) by_recipe: bool,
    pub(super) asked: Vec<Asked>,
}

/// Something that needs a grant.
#[derive(Debug)]
pub(super) struct Asked {
    /// Where it is asked for.
    pub(super) path: Path,
    pub(super) what: Vec<Privilege>,
    /// What the asker does, where the privileges alone do not say it.
    pub(super) does: Option<&'static str>,
    /// How to do without.
    pub(super) without: Option<&'static str>,
}

impl Asked {
    pub(super) fn of(path: Path, what: Vec<Privilege>) -> Self {
        Self {
            path,
            what,
            does: None,
            without: None,
        }
    }
}

/// Everything in a target that asks for something.
pub(super) fn askers(tree: &ConfigTree, target: &TargetModel) -> Vec<Asker> {
    let mut all: Vec<_> = target
        .components
        .values()
        .map(|component| Asker {
            path: component.path.clone(),
            by_recipe: matches!(component.kind, Kind::Backing { .. }),
            asked: fields(component),
        })
        .collect();
    // No other engine has objects that patches are merged into.
    if let EngineTarget::Kubernetes { .. } = target.engine {
        let accounts = accounts(target);
        for (asker, component) in all.iter_mut().zip(target.components.values()) {
            asker
                .asked
                .extend(patches(tree, target, component, &accounts));
        }
        all.extend(objects(target, &accounts));
    }
    all
}

/// What a component asks for in the language's own fields.
fn fields(component: &Component) -> Vec<Asked> {
    let base = match component.kind {
        Kind::Backing { .. } => component.path.join("component"),
        _ => component.path.clone(),
    };
    let mut asked = Vec::new();
    let security = &component.container.security;
    let at = base.join("security");
    if security.privileged {
        asked.push(Asked::of(
            at.join("privileged"),
            vec![Privilege::Privileged],
        ));
    }
    if !security.add_capabilities.is_empty() {
        let names = security.add_capabilities.iter().cloned();
        asked.push(Asked::of(
            at.join("capabilities").join("add"),
            names.map(Privilege::Capability).collect(),
        ));
    }
    for (name, volume) in &component.volumes {
        if let VolumeSource::HostPath(path) = &volume.source {
            let at = base.join("volumes").join(name).join("hostPath");
            asked.push(Asked::of(at, of_path(path)));
        }
    }
    for (name, rights) in cluster_rights(component) {
        let at = base.join("identity").join("rules").join(name);
        asked.push(Asked::of(at, rights));
    }
    asked
}

/// A component's rights in the whole cluster, by the rule.
fn cluster_rights(component: &Component) -> impl Iterator<Item = (&str, Vec<Privilege>)> {
    let rules = component.identity.rules.iter();
    rules.filter(|(_, rule)| rule.cluster).map(|(name, rule)| {
        let each = rule.rights.each();
        let rights = each.map(|(group, resource, verb)| Privilege::ClusterRight {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verb: verb.to_owned(),
        });
        (name.as_str(), rights.collect())
    })
}

/// A socket of an engine is granted as such; a folder with one in it is both.
pub(super) fn of_path(path: &str) -> Vec<Privilege> {
    let folder = Privilege::HostPath(path.to_owned());
    if SOCKETS.contains(&path) {
        vec![Privilege::Socket]
    } else if SOCKETS.iter().any(|socket| is_below(socket, path)) {
        vec![folder, Privilege::Socket]
    } else {
        vec![folder]
    }
}

/// The rights in the whole cluster of each service account.
fn accounts(target: &TargetModel) -> BTreeMap<&str, Vec<Privilege>> {
    let mut accounts: BTreeMap<&str, Vec<Privilege>> = BTreeMap::new();
    for component in target.components.values() {
        let name = component.identity.name.as_ref().unwrap_or(&component.name);
        let rights = cluster_rights(component).flat_map(|(_, rights)| rights);
        accounts.entry(name).or_default().extend(rights);
    }
    accounts
}

/// What a component asks for in what it merges into its objects.
fn patches(
    tree: &ConfigTree,
    target: &TargetModel,
    component: &Component,
    accounts: &BTreeMap<&str, Vec<Privilege>>,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    let known: BTreeSet<&str> = std::iter::once(component.name.as_str())
        .chain(component.init.iter().map(|step| step.name.as_str()))
        .chain(component.sidecars.keys().map(String::as_str))
        .collect();
    for (kind, patch) in target.patches.get(&component.name).into_iter().flatten() {
        let own = component.path.join("kubernetes");
        let recipe = component.path.join("component").join("kubernetes");
        let within = Within {
            path: own.join(kind),
            kind: manifest::kind_of_field(kind),
            known: &known,
            accounts,
            roles: &BTreeSet::new(),
        };
        asked.extend(within.asked(patch).into_iter().map(|asked| {
            // What the component does not say itself, its recipe does.
            let below = asked.path.0[own.0.len()..].to_vec();
            let there = Path([recipe.0.clone(), below].concat());
            let is_there = |path: &Path| tree.get(&target.target, path).is_some();
            if !is_there(&asked.path) && is_there(&there) {
                return Asked {
                    path: there,
                    ..asked
                };
            }
            asked
        }));
    }
    asked
}

/// What raw objects ask for.
fn objects(target: &TargetModel, accounts: &BTreeMap<&str, Vec<Privilege>>) -> Vec<Asker> {
    let roles: BTreeSet<&str> = target
        .objects
        .values()
        .filter(|object| object.manifest["kind"] == "ClusterRole")
        .map(|object| {
            let own = object.manifest["metadata"]["name"].as_str();
            own.unwrap_or(&object.name)
        })
        .collect();
    let objects = target.objects.values().map(|object| {
        let within = Within {
            path: object.path.clone(),
            kind: object.manifest["kind"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            known: &BTreeSet::new(),
            accounts,
            roles: &roles,
        };
        Asker {
            path: object.path.clone(),
            by_recipe: false,
            asked: within.asked(&object.manifest),
        }
    });
    objects.collect()
}
