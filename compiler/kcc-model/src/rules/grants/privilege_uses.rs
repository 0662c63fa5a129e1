//! Collects the uses of privileges in a target with their paths: in fields of
//! components, in patches, and in raw Kubernetes objects.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::{ConfigTree, Engine, Path};

use super::manifest::{self, ManifestScan};
use super::privilege_use::{PrivilegeUse, host_path_privileges};
use crate::{Component, Kind, Privilege, TargetModel, VolumeSource};

/// A component or raw object, with the privileges it uses.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) path: Path,
    /// Set if a recipe of kcc may use privileges on its behalf.
    pub(super) by_recipe: bool,
    pub(super) uses: Vec<PrivilegeUse>,
}

/// Collects all components and raw objects of a target with their privileges.
pub(super) fn find_subjects(tree: &ConfigTree, target: &TargetModel) -> Vec<Subject> {
    let mut all: Vec<_> = target
        .components
        .values()
        .map(|component| Subject {
            path: component.path.clone(),
            by_recipe: matches!(component.kind, Kind::Backing { .. }),
            uses: component_uses(component),
        })
        .collect();
    // Raw objects and patches of objects exist only on Kubernetes.
    if target.engine.is(Engine::Kubernetes) {
        let accounts = account_permissions(target);
        for (subject, component) in all.iter_mut().zip(target.components.values()) {
            subject
                .uses
                .extend(patch_uses(tree, target, component, &accounts));
        }
        all.extend(object_subjects(target, &accounts));
    }
    all
}

/// Collects the privileges used in fields of a component.
fn component_uses(component: &Component) -> Vec<PrivilegeUse> {
    let base = match component.kind {
        Kind::Backing { .. } => component.path.join("component"),
        _ => component.path.clone(),
    };
    let mut uses = Vec::new();
    let security = &component.container.security;
    let at = base.join("security");
    if security.privileged {
        uses.push(PrivilegeUse::of(
            at.join("privileged"),
            vec![Privilege::Privileged],
        ));
    }
    if !security.add_capabilities.is_empty() {
        let names = security.add_capabilities.iter().cloned();
        uses.push(PrivilegeUse::of(
            at.join("capabilities").join("add"),
            names.map(Privilege::Capability).collect(),
        ));
    }
    if component.host_network {
        let at = base.join("hostNetwork");
        uses.push(PrivilegeUse::of(at, vec![Privilege::HostNetwork]));
    }
    for (name, volume) in &component.volumes {
        if let VolumeSource::HostPath(path) = &volume.source {
            let at = base.join("volumes").join(name).join("hostPath");
            uses.push(PrivilegeUse::of(at, host_path_privileges(path)));
        }
    }
    for (name, device) in &component.devices {
        let at = base.join("devices").join(name).join("path");
        uses.push(PrivilegeUse::of(at, host_path_privileges(&device.path)));
    }
    for (name, permissions) in cluster_permissions(component) {
        let at = base.join("identity").join("rules").join(name);
        uses.push(PrivilegeUse::of(at, permissions));
    }
    uses
}

/// Returns a component's cluster-wide permissions, by rule.
fn cluster_permissions(component: &Component) -> impl Iterator<Item = (&str, Vec<Privilege>)> {
    let rules = component.identity.rules.iter();
    rules.filter(|(_, rule)| rule.cluster).map(|(name, rule)| {
        let each = rule.permissions.each();
        let permissions = each.map(|(group, resource, verb)| Privilege::ClusterPermission {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verb: verb.to_owned(),
        });
        (name.as_str(), permissions.collect())
    })
}

/// Returns the cluster-wide permissions of each service account.
fn account_permissions(target: &TargetModel) -> BTreeMap<&str, Vec<Privilege>> {
    let mut accounts: BTreeMap<&str, Vec<Privilege>> = BTreeMap::new();
    for component in target.components.values() {
        let name = component.identity.name.as_ref().unwrap_or(&component.name);
        let permissions = cluster_permissions(component).flat_map(|(_, permissions)| permissions);
        accounts.entry(name).or_default().extend(permissions);
    }
    accounts
}

/// Collects the privileges used in a component's patches.
fn patch_uses(
    tree: &ConfigTree,
    target: &TargetModel,
    component: &Component,
    accounts: &BTreeMap<&str, Vec<Privilege>>,
) -> Vec<PrivilegeUse> {
    let mut uses = Vec::new();
    let known: BTreeSet<&str> = std::iter::once(component.name.as_str())
        .chain(component.init.iter().map(|step| step.name.as_str()))
        .chain(component.sidecars.keys().map(String::as_str))
        .collect();
    for (kind, patch) in target.patches.get(&component.name).into_iter().flatten() {
        let own = component.path.join("kubernetes");
        let recipe = component.path.join("component").join("kubernetes");
        let scan = ManifestScan {
            path: own.join(kind),
            kind: manifest::kind_of_field(kind),
            known: &known,
            accounts,
            roles: &BTreeSet::new(),
        };
        uses.extend(scan.find_uses(patch).into_iter().map(|privilege_use| {
            // A path that the component does not declare comes from its recipe.
            let below = privilege_use.path.0[own.0.len()..].to_vec();
            let recipe_path = Path([recipe.0.clone(), below].concat());
            let exists = |path: &Path| tree.get(&target.target, path).is_some();
            if !exists(&privilege_use.path) && exists(&recipe_path) {
                return PrivilegeUse {
                    path: recipe_path,
                    ..privilege_use
                };
            }
            privilege_use
        }));
    }
    uses
}

/// Collects the privileges used in raw objects.
fn object_subjects(
    target: &TargetModel,
    accounts: &BTreeMap<&str, Vec<Privilege>>,
) -> Vec<Subject> {
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
        let scan = ManifestScan {
            path: object.path.clone(),
            kind: object.manifest["kind"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            known: &BTreeSet::new(),
            accounts,
            roles: &roles,
        };
        Subject {
            path: object.path.clone(),
            by_recipe: false,
            uses: scan.find_uses(&object.manifest),
        }
    });
    objects.collect()
}
