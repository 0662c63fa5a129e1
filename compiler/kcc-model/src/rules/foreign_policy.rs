//! Reports policies that require something of paths their team does not govern:
//! only a team that may constrain a path may have policies about it.

use kcc_diag::{Code, Diagnostic, Diagnostics, SourceFile, field_label};
use kcc_tree::{Path, Policy};

use super::view::View;
use crate::pattern::{covers, narrowest};

pub(super) fn foreign_policy(view: &View<'_>, diagnostics: &mut Diagnostics) {
    // Without declared teams the only team may constrain everything.
    if view.tree.system.child("teams").is_none() {
        return;
    }
    let policies = view.tree.policies.get(&view.target.target);
    for policy in policies.into_iter().flatten() {
        let Some(team) = view.tree.files.get(policy.by).and_then(SourceFile::team) else {
            continue;
        };
        let foreign = |(path, _): &&(Path, _)| !may_constrain(view, team, path);
        if let Some((path, line)) = policy.requires.iter().find(foreign) {
            diagnostics.push(
                diagnostic(policy, team, path)
                    .target(&view.target.target)
                    .primary(*line, "requires something of another team"),
            );
        }
    }
}

/// Returns true if a team may constrain a path: it governs or owns the path, or
/// owns the component.
fn may_constrain(view: &View<'_>, team: &str, path: &Path) -> bool {
    let Some(declared) = view.model.teams.get(team) else {
        return true;
    };
    let mut patterns = declared.governs.iter().chain(&declared.owns);
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
        .at(Path::of(["policies", &policy.name]))
        .help(format!(
            "move it into the system's own files, or let `{team}` govern: `system: teams: {}: governs: [{narrowest:?}]`",
            field_label(team)
        ))
}
