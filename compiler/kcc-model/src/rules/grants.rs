//! What components do that none may do by itself: every such line needs a grant
//! from whoever governs the component, and every grant a component that uses it.

use std::collections::{BTreeMap, BTreeSet};

use kcc_cue::{Path, Role};
use kcc_diag::{Code, Diagnostic, Diagnostics};

use super::View;
use crate::{Component, Grant, Kind, Name, Privilege, TargetModel, VolumeSource, covers, is_below};

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

pub(super) fn grants(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (path, asked) in asked(component) {
            if !written(view, component, &path) {
                continue;
            }
            let missing: Vec<_> = asked
                .into_iter()
                .filter(|what| !granted(view.target, component, what))
                .collect();
            if !missing.is_empty() {
                found.push(missing_grant(view, component, &path, &missing));
            }
        }
    }
    for (name, grant) in &view.target.grants {
        found.extend(foreign(view, grant));
        if view.all_targets() && !used_anywhere(view, name) {
            let message = format!("nothing uses `{}`", grant.path);
            let warning =
                view.lines
                    .warning(Code::CheckUnusedGrant, &grant.path, message, "unused");
            found.push(warning.help("remove it, or what it allows beyond need"));
        }
    }
}

/// What a component asks for, by the path that does.
fn asked(component: &Component) -> BTreeMap<Path, Vec<Privilege>> {
    let base = match component.kind {
        Kind::Backing { .. } => component.path.join("component"),
        _ => component.path.clone(),
    };
    let mut asked = BTreeMap::new();
    let security = &component.container.security;
    let at = base.join("security");
    if security.privileged {
        asked.insert(at.join("privileged"), vec![Privilege::Privileged]);
    }
    if !security.add_capabilities.is_empty() {
        let names = security.add_capabilities.iter().cloned();
        asked.insert(
            at.join("capabilities").join("add"),
            names.map(Privilege::Capability).collect(),
        );
    }
    for (name, volume) in &component.volumes {
        if let VolumeSource::HostPath(path) = &volume.source {
            let at = base.join("volumes").join(name).join("hostPath");
            asked.insert(at, of_path(path));
        }
    }
    for (name, rule) in &component.identity.rules {
        if rule.cluster {
            let at = base.join("identity").join("rules").join(name);
            let each = rule.rights.each();
            let rights = each.map(|(group, resource, verb)| Privilege::ClusterRight {
                group: group.to_owned(),
                resource: resource.to_owned(),
                verb: verb.to_owned(),
            });
            asked.insert(at, rights.collect());
        }
    }
    asked
}

/// A socket of an engine is granted as such; a folder with one in it is both.
fn of_path(path: &str) -> Vec<Privilege> {
    let folder = Privilege::HostPath(path.to_owned());
    if SOCKETS.contains(&path) {
        vec![Privilege::Socket]
    } else if SOCKETS.iter().any(|socket| is_below(socket, path)) {
        vec![folder, Privilege::Socket]
    } else {
        vec![folder]
    }
}

/// Whether a fragment asks, and not a recipe that kcc ships.
fn written(view: &View<'_>, component: &Component, path: &Path) -> bool {
    let Kind::Backing { .. } = component.kind else {
        return true;
    };
    let origins = view.tree.origins(&view.target.target, path);
    origins.iter().any(|origin| origin.role != Role::Schema)
}

fn granted(target: &TargetModel, component: &Component, what: &Privilege) -> bool {
    let mut grants = target.grants.values();
    grants.any(|grant| grant.is_for(&component.path) && grant.allows(what))
}

/// Whether a grant allows something that is asked for, in any target: what only
/// one target does needs no grant of its own there.
fn used_anywhere(view: &View<'_>, name: &str) -> bool {
    view.model.targets.values().any(|target| {
        let Some(grant) = target.grants.get(name) else {
            return false;
        };
        let mut components = target.components.values();
        components.any(|component| {
            grant.is_for(&component.path)
                && asked(component)
                    .values()
                    .flatten()
                    .any(|what| grant.allows(what))
        })
    })
}

fn missing_grant(
    view: &View<'_>,
    component: &Component,
    path: &Path,
    missing: &[Privilege],
) -> Diagnostic {
    let does = match missing {
        [Privilege::Privileged, ..] => "may do whatever the machine's root may".to_owned(),
        [Privilege::Socket] => "talks to the engine that runs it".to_owned(),
        [Privilege::Capability(_), ..] => format!("adds {}", listed(missing)),
        [Privilege::HostPath(path), Privilege::Socket] => {
            format!("mounts `{path}` of the machine, where the engine's socket is")
        }
        [Privilege::HostPath(path), ..] => format!("mounts `{path}` of the machine"),
        _ => format!("has rights in the whole cluster: {}", listed(missing)),
    };
    let message = format!("`{}` {does}, which needs a grant", component.path);
    let error = view
        .lines
        .error(Code::CheckMissingGrant, path, message, "not granted");
    let who = match granters(view, component).as_slice() {
        [] => "write in the system's own files".to_owned(),
        teams => {
            let teams: Vec<_> = teams.iter().map(|team| format!("`{team}`")).collect();
            format!(
                "ask {}, or whoever writes the system's own files, for",
                teams.join(" or ")
            )
        }
    };
    error.help(format!(
        "{who}: `grants: {}: {{to: [\"{}\"], allow: {}, reason: \"…\"}}`",
        component.name,
        component.path,
        allowance(missing)
    ))
}

fn listed(missing: &[Privilege]) -> String {
    let names: Vec<_> = missing
        .iter()
        .map(|what| match what {
            Privilege::Capability(name) => format!("`{name}`"),
            Privilege::ClusterRight { resource, verb, .. } => format!("`{verb}` of `{resource}`"),
            Privilege::HostPath(path) => format!("`{path}`"),
            Privilege::Privileged => "everything".to_owned(),
            Privilege::Socket => "the socket".to_owned(),
        })
        .collect();
    names.join(", ")
}

/// What a grant has to allow, as a fragment writes it.
fn allowance(missing: &[Privilege]) -> String {
    let mut capabilities = Vec::new();
    let mut rights = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    let mut fields = Vec::new();
    for what in missing {
        match what {
            Privilege::Privileged => fields.push("privileged: true".to_owned()),
            Privilege::Socket => fields.push("socket: true".to_owned()),
            Privilege::HostPath(path) => fields.push(format!("hostPath: {path:?}")),
            Privilege::Capability(name) => capabilities.push(name),
            Privilege::ClusterRight {
                group,
                resource,
                verb,
            } => {
                for (all, one) in rights.iter_mut().zip([group, resource, verb]) {
                    all.insert(one);
                }
            }
        }
    }
    if !capabilities.is_empty() {
        fields.push(format!("capabilities: {capabilities:?}"));
    }
    let [groups, resources, verbs] = rights.map(|all| all.into_iter().collect::<Vec<_>>());
    if !verbs.is_empty() {
        fields.push(format!(
            "clusterRules: it: {{groups: {groups:?}, resources: {resources:?}, verbs: {verbs:?}}}"
        ));
    }
    match fields.as_slice() {
        [one] => one.clone(),
        more => format!("{{{}}}", more.join(", ")),
    }
}

/// The teams that govern a component.
fn granters<'a>(view: &View<'a>, component: &Component) -> Vec<&'a Name> {
    let governs = |patterns: &[String]| {
        patterns
            .iter()
            .any(|pattern| covers(pattern, &component.path.0))
    };
    let teams = view.model.teams.iter();
    teams
        .filter(|(_, team)| governs(&team.governs))
        .map(|(name, _)| name)
        .collect()
}

/// A grant that comes from a team which does not govern whom it is for.
fn foreign(view: &View<'_>, grant: &Grant) -> Option<Diagnostic> {
    let owner = view.owners.get(&grant.path)?;
    let giver = owner.team.as_ref()?;
    // The folder as a whole is the system's.
    let team = view.model.teams.get(giver)?;
    let whose = grant.to.iter().find(|to| {
        let to: Vec<String> = to.split('.').map(str::to_owned).collect();
        !team.governs.iter().any(|pattern| covers(pattern, &to))
    })?;
    let message = format!("`{giver}` grants something to `{whose}`, which it does not govern");
    let error = view.lines.error(
        Code::OwnForeignGrant,
        &grant.path.join("to"),
        message,
        format!("not governed by `{giver}`"),
    );
    let first = whose.split('.').next().unwrap_or_default();
    Some(error.help(format!(
        "let a team that governs it grant it, or the system's own files, or let `{giver}` govern it: \
         `system: teams: {giver}: governs: [{first:?}]`"
    )))
}
