//! Policies over what their team does not govern: a rule for others is for
//! those who may constrain them.

use kcc_diag::{Code, Diagnostic, Diagnostics, SourceFile, field_label};
use kcc_tree::{Path, Policy};

use super::View;
use crate::pattern::{covers, narrowest};

pub(super) fn foreign_policy(view: &View<'_>, found: &mut Diagnostics) {
    // Without teams there is one, and it may say anything.
    if view.tree.system.child("teams").is_none() {
        return;
    }
    let policies = view.tree.policies.get(&view.target.target);
    for policy in policies.into_iter().flatten() {
        let Some(team) = view.tree.files.get(policy.by).and_then(SourceFile::team) else {
            continue;
        };
        let foreign = |(path, _): &&(Path, _)| !may(view, team, path);
        if let Some((path, line)) = policy.requires.iter().find(foreign) {
            found.push(
                diagnostic(policy, team, path)
                    .target(&view.target.target)
                    .primary(*line, "this is required of others"),
            );
        }
    }
}

/// Whether a team may constrain a path: it governs or reserves it, or the
/// component is its own.
fn may(view: &View<'_>, team: &str, path: &Path) -> bool {
    let Some(said) = view.model.teams.get(team) else {
        return true;
    };
    let mut patterns = said.governs.iter().chain(&said.owns);
    let own = || {
        let component = Path(path.0.iter().take(2).cloned().collect());
        let owner = view.owners.get(&component);
        owner.is_some_and(|owner| owner.team.as_deref() == Some(team))
    };
    patterns.any(|pattern| covers(pattern, &path.0)) || own()
}

fn diagnostic(policy: &Policy, team: &str, path: &Path) -> Diagnostic {
    let narrowest = narrowest(&path.0);
    let (name, path) = (&policy.name, path.to_string().replace("\"*\"", "*"));
    let message =
        format!("policy `{name}` requires something of `{path}`, which `{team}` does not govern");
    Diagnostic::error(Code::OwnForeignConstraint, message)
        .at(Path::of(["policies", &policy.name]).to_string())
        .help(format!(
            "write it in the system's own files, or let `{team}` govern: `system: teams: {}: governs: [{narrowest:?}]`",
            field_label(team)
        ))
}
