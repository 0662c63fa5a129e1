//! What components do that none may do by itself: every such line needs a grant
//! from whoever governs the component, and every grant a component that uses it.

mod asked;
mod manifest;

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostic, Diagnostics, field_label};
use kcc_tree::{OriginKind, Path};

use super::View;
use crate::pattern::narrowest;
use crate::{Grant, Name, Privilege, TargetModel, covers};
use asked::{Asked, Asker, askers};

pub(super) fn grants(view: &View<'_>, found: &mut Diagnostics) {
    for asker in askers(view.tree, view.target) {
        for asked in &asker.asked {
            if !written(view, &asker, &asked.path) {
                continue;
            }
            let missing: Vec<_> = asked
                .what
                .iter()
                .filter(|what| !granted(view.target, &asker.path, what))
                .cloned()
                .collect();
            if !missing.is_empty() {
                found.push(missing_grant(view, &asker.path, asked, &missing));
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

/// Whether a fragment asks, and not a recipe that kcc ships.
fn written(view: &View<'_>, asker: &Asker, path: &Path) -> bool {
    if !asker.by_recipe {
        return true;
    }
    let origins = view.tree.origins(&view.target.target, path);
    origins
        .iter()
        .any(|origin| origin.kind != OriginKind::Schema)
}

fn granted(target: &TargetModel, asker: &Path, what: &Privilege) -> bool {
    let mut grants = target.grants.values();
    grants.any(|grant| grant.is_for(asker) && grant.allows(what))
}

/// Whether a grant allows something that is asked for, in any target: what only
/// one target does needs no grant of its own there.
fn used_anywhere(view: &View<'_>, name: &str) -> bool {
    view.model.targets.values().any(|target| {
        let Some(grant) = target.grants.get(name) else {
            return false;
        };
        askers(view.tree, target).iter().any(|asker| {
            let mut what = asker.asked.iter().flat_map(|asked| &asked.what);
            grant.is_for(&asker.path) && what.any(|what| grant.allows(what))
        })
    })
}

fn missing_grant(view: &View<'_>, who: &Path, asked: &Asked, missing: &[Privilege]) -> Diagnostic {
    let does = match missing {
        _ if asked.does.is_some() => asked.does.unwrap_or_default().to_owned(),
        [Privilege::Privileged, ..] => "may do whatever the machine's root may".to_owned(),
        [Privilege::Socket] => "talks to the engine that runs it".to_owned(),
        [Privilege::Capability(_), ..] => format!("adds {}", listed(missing)),
        [Privilege::HostPath(path), Privilege::Socket] => {
            format!("mounts `{path}` of the machine, where the engine's socket is")
        }
        [Privilege::HostPath(path), ..] => format!("mounts `{path}` of the machine"),
        _ => format!("has rights in the whole cluster: {}", listed(missing)),
    };
    let message = format!("`{who}` {does}, which needs a grant");
    let error = view
        .lines
        .error(Code::CheckMissingGrant, &asked.path, message, "not granted");
    if let Some(without) = asked.without {
        return error.help(without);
    }
    let whom = match granters(view, who).as_slice() {
        [] => "write in the system's own files".to_owned(),
        teams => {
            let teams: Vec<_> = teams.iter().map(|team| format!("`{team}`")).collect();
            format!(
                "ask {}, or whoever writes the system's own files, for",
                teams.join(" or ")
            )
        }
    };
    let name = who.0.last().map_or("", String::as_str);
    error.help(format!(
        "{whom}: `grants: {}: {{to: [{:?}], allow: {}, reason: \"…\"}}`",
        field_label(name),
        narrowest(&who.0),
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

/// The teams that govern what asks.
fn granters<'a>(view: &View<'a>, asker: &Path) -> Vec<&'a Name> {
    let governs = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, &asker.0));
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
    Some(error.help(format!(
        "let a team that governs it grant it, or the system's own files, or let `{giver}` govern it: \
         `system: teams: {}: governs: [{whose:?}]`",
        field_label(giver)
    )))
}
