//! Checks grants: every use of a privilege needs a grant by a team that governs the
//! component, and every grant needs a component that uses it.

mod manifest;
mod privilege_use;
mod privilege_uses;

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostic, Diagnostics, field_label, nearest};
use kcc_tree::schema::component_fields;
use kcc_tree::{Node, OriginKind, Path};

use super::view::View;
use crate::pattern::{names, narrowest};
use crate::{Grant, Name, Privilege, TargetModel, covers};
use privilege_use::PrivilegeUse;
use privilege_uses::{Subject, find_subjects};

pub(super) fn grants(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for subject in find_subjects(view.tree, view.target) {
        for privilege_use in &subject.uses {
            if !is_declared(view, &subject, &privilege_use.path) {
                continue;
            }
            let missing: Vec<_> = privilege_use
                .what
                .iter()
                .filter(|what| !granted(view.target, &subject.path, what))
                .cloned()
                .collect();
            if !missing.is_empty() {
                diagnostics.push(missing_grant(view, &subject.path, privilege_use, &missing));
            }
        }
    }
    for (name, grant) in &view.target.grants {
        diagnostics.extend(foreign_grant(view, grant));
        if !view.all_targets() {
            continue;
        }
        let unmatched = unmatched_recipients(view, name, grant);
        if unmatched.is_empty() && !used_anywhere(view, name) {
            let message = format!("nothing uses `{}`", grant.path);
            let warning =
                view.reporter
                    .warning(Code::CheckUnusedGrant, &grant.path, message, "unused");
            diagnostics.push(
                warning
                    .unused_by_name(recipient_names(&grant.to))
                    .help("remove the grant"),
            );
        }
        diagnostics.extend(unmatched);
    }
}

/// Reports the recipients of a grant that no target has.
fn unmatched_recipients(view: &View<'_>, name: &str, grant: &Grant) -> Vec<Diagnostic> {
    let targets = || view.model.targets.values();
    let granted_in = targets().filter(|target| target.grants.contains_key(name));
    let subjects: BTreeSet<Path> = granted_in
        .flat_map(|target| paths_of(view, &target.target))
        .collect();
    let at = grant.path.join("to");
    let report = |(index, to): (usize, &String)| {
        let message = format!("`{}` is for `{to}`, which no target has", grant.path);
        let warning = view.reporter.warning(
            Code::CheckUnusedGrant,
            &at.join(index.to_string()),
            message,
            "matches nothing",
        );
        let known: Vec<String> = subjects.iter().map(|path| narrowest(&path.0)).collect();
        let help = match nearest(to, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("remove {to:?} from the grant, or add the component"),
        };
        warning.unused_by_name(recipient_names([to])).help(help)
    };
    let all = grant.to.iter().enumerate();
    // A path that cannot be one of these is an error already.
    let valid = all.filter(|(_, to)| {
        names(to).first().is_some_and(|first| {
            ["*", "objects"].contains(&first.as_str())
                || component_fields().contains(&first.as_str())
        })
    });
    valid
        .filter(|(_, to)| !subjects.iter().any(|path| covers(to, &path.0)))
        .map(report)
        .collect()
}

/// Returns the paths of everything in a target that a grant can be for.
fn paths_of(view: &View<'_>, target: &str) -> Vec<Path> {
    let kinds = component_fields().iter().copied().chain(["objects"]);
    kinds
        .flat_map(|kind| {
            let all = view.tree.get(target, &Path::of([kind]));
            let names = all.into_iter().flat_map(Node::fields);
            names.map(move |(name, _)| Path::of([kind, name]))
        })
        .collect()
}

/// Returns the names that a file contains which declares a recipient; none if a
/// pattern may be for any.
fn recipient_names<'a>(to: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let last = |to: &String| names(to).into_iter().nth(1).filter(|name| name != "*");
    let names: Option<Vec<String>> = to.into_iter().map(last).collect();
    names.unwrap_or_default()
}

/// Returns true if a fragment uses the privilege, rather than a recipe of kcc.
fn is_declared(view: &View<'_>, subject: &Subject, path: &Path) -> bool {
    if !subject.by_recipe {
        return true;
    }
    let origins = view.tree.origins(&view.target.target, path);
    origins
        .iter()
        .any(|origin| origin.kind != OriginKind::Schema)
}

fn granted(target: &TargetModel, subject: &Path, what: &Privilege) -> bool {
    let mut grants = target.grants.values();
    grants.any(|grant| grant.is_for(subject) && grant.allows(what))
}

/// Returns true if a grant allows a privilege that is used in any target, so that
/// a privilege of one target does not need a separate grant for that target.
fn used_anywhere(view: &View<'_>, name: &str) -> bool {
    view.model.targets.values().any(|target| {
        let Some(grant) = target.grants.get(name) else {
            return false;
        };
        find_subjects(view.tree, target).iter().any(|subject| {
            let mut what = subject
                .uses
                .iter()
                .flat_map(|privilege_use| &privilege_use.what);
            grant.is_for(&subject.path) && what.any(|what| grant.allows(what))
        })
    })
}

fn missing_grant(
    view: &View<'_>,
    subject: &Path,
    privilege_use: &PrivilegeUse,
    missing: &[Privilege],
) -> Diagnostic {
    let action = match missing {
        _ if privilege_use.action.is_some() => privilege_use.action.unwrap_or_default().to_owned(),
        [Privilege::Privileged, ..] => "runs privileged".to_owned(),
        [Privilege::HostNetwork] => "uses the host network".to_owned(),
        [Privilege::Socket] => "mounts the engine's socket".to_owned(),
        [Privilege::Capability(_), ..] => format!("adds {}", list_privileges(missing)),
        [Privilege::HostPath(path), Privilege::Socket] => {
            format!("mounts host path `{path}`, which contains the engine's socket,")
        }
        [Privilege::HostPath(path), ..] => format!("mounts host path `{path}`"),
        _ => format!(
            "has cluster-wide permissions ({})",
            list_privileges(missing)
        ),
    };
    let message = format!("`{subject}` {action} without a grant");
    let error = view
        .reporter
        .error(
            Code::CheckMissingGrant,
            &privilege_use.path,
            message,
            "not granted",
        )
        .missing("grants");
    if let Some(alternative) = privilege_use.alternative {
        return error.help(alternative);
    }
    let recipient = match governing_teams(view, subject).as_slice() {
        [] => "write in the system's own files".to_owned(),
        teams => {
            let teams: Vec<_> = teams.iter().map(|team| format!("`{team}`")).collect();
            format!(
                "ask {}, or the authors of the system's own files, for",
                teams.join(" or ")
            )
        }
    };
    let name = subject.0.last().map_or("", String::as_str);
    error.help(format!(
        "{recipient}: `grants: {}: {{to: [{:?}], allow: {}, reason: \"…\"}}`",
        field_label(name),
        narrowest(&subject.0),
        allow_value(missing)
    ))
}

fn list_privileges(missing: &[Privilege]) -> String {
    let names: Vec<_> = missing
        .iter()
        .map(|what| match what {
            Privilege::Capability(name) => format!("`{name}`"),
            Privilege::ClusterPermission { resource, verb, .. } => {
                format!("`{verb}` of `{resource}`")
            }
            Privilege::HostPath(path) => format!("`{path}`"),
            Privilege::Privileged => "privileged mode".to_owned(),
            Privilege::HostNetwork => "the host network".to_owned(),
            Privilege::Socket => "the socket".to_owned(),
        })
        .collect();
    names.join(", ")
}

/// Returns the `allow` value of a grant for the missing privileges.
fn allow_value(missing: &[Privilege]) -> String {
    let mut capabilities = Vec::new();
    let mut permissions = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    let mut fields = Vec::new();
    for what in missing {
        match what {
            Privilege::Privileged => fields.push("privileged: true".to_owned()),
            Privilege::HostNetwork => fields.push("hostNetwork: true".to_owned()),
            Privilege::Socket => fields.push("socket: true".to_owned()),
            Privilege::HostPath(path) => fields.push(format!("hostPath: {path:?}")),
            Privilege::Capability(name) => capabilities.push(name),
            Privilege::ClusterPermission {
                group,
                resource,
                verb,
            } => {
                for (all, one) in permissions.iter_mut().zip([group, resource, verb]) {
                    all.insert(one);
                }
            }
        }
    }
    if !capabilities.is_empty() {
        fields.push(format!("capabilities: {capabilities:?}"));
    }
    let [groups, resources, verbs] = permissions.map(|all| all.into_iter().collect::<Vec<_>>());
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

/// Returns the teams that govern a component or object.
fn governing_teams<'a>(view: &View<'a>, subject: &Path) -> Vec<&'a Name> {
    let governs = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, &subject.0));
    let teams = view.model.teams.iter();
    teams
        .filter(|(_, team)| governs(&team.governs))
        .map(|(name, _)| name)
        .collect()
}

/// Reports a grant by a team that does not govern the components it is for.
fn foreign_grant(view: &View<'_>, grant: &Grant) -> Option<Diagnostic> {
    let owner = view.owners.get(&grant.path)?;
    let author = owner.team.as_ref()?;
    // The system itself is not among its teams and may grant anything.
    let team = view.model.teams.get(author)?;
    let component = grant.to.iter().find(|to| {
        let to: Vec<String> = to.split('.').map(str::to_owned).collect();
        !team.governs.iter().any(|pattern| covers(pattern, &to))
    })?;
    let message = format!("`{author}` grants something to `{component}`, which it does not govern");
    let error = view.reporter.error(
        Code::OwnForeignGrant,
        &grant.path.join("to"),
        message,
        format!("not governed by `{author}`"),
    );
    Some(error.help(format!(
        "move the grant to a team that governs it or to the system's own files, or let `{author}` govern it: \
         `system: teams: {}: governs: [{component:?}]`",
        field_label(author)
    )))
}
