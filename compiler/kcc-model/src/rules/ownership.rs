//! Checks that every component, secret and config has exactly one owner.

use kcc_diag::{Code, Diagnostic, Diagnostics, nearest};
use kcc_tree::{Path, Value};

use super::view::View;
use crate::owners::Owner;
use kcc_tree::schema::declared_fields;

pub(super) fn ownership(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for (path, owner) in view.owners.iter() {
        if owner.unclaimed {
            if !is_not_struct(view, path) {
                diagnostics.push(report_no_owner(view, path, owner));
            }
        } else if let (Some(team), false) = (&owner.team, owner.rivals.is_empty()) {
            let teams: Vec<_> = [team].into_iter().chain(owner.rivals.keys()).collect();
            let named: Vec<_> = teams.iter().map(|team| format!("`{team}`")).collect();
            let root = path.0.first().map_or("", String::as_str);
            let (what, help) = if declared_fields().contains(&root) {
                (
                    "declared",
                    "write all of it in one team's fragments, or give one of the two another name",
                )
            } else {
                (
                    "claimed",
                    "keep `image`, `build` or `kind` in one team's fragment, and rename the other \
                     team's component",
                )
            };
            let message = format!("`{path}` is {what} by {}", named.join(" and by "));
            let mut error = Diagnostic::error(Code::OwnTwoOwners, message)
                .at(path)
                .target(&view.target.target);
            if let Some(line) = owner.line {
                error = error.primary(line, format!("`{team}` declares it"));
            }
            for (rival, line) in &owner.rivals {
                error = error.primary(*line, format!("`{rival}` declares it as well"));
            }
            diagnostics.push(error.help(help));
        }
    }
}

/// Returns true if the value at a path is not a struct, which is already reported.
fn is_not_struct(view: &View<'_>, path: &Path) -> bool {
    let node = view.tree.get(&view.target.target, path);
    !node.is_some_and(|node| matches!(node.value, Value::Struct(_)))
}

fn report_no_owner(view: &View<'_>, path: &Path, owner: &Owner) -> Diagnostic {
    let kind = path.0.first().map_or("", String::as_str);
    let name = path.0.get(1).map_or("", String::as_str);
    let fields = if kind == "backing" {
        "`kind`"
    } else {
        "`image` or `build`"
    };
    let message = format!("`{path}` has no owner: no team sets {fields}");
    let mut error = Diagnostic::error(Code::OwnNoOwner, message)
        .at(path)
        .target(&view.target.target);
    if let Some(line) = owner.line {
        let team = owner.team.as_deref().unwrap_or(view.reporter.system_name());
        error = error.primary(line, format!("`{team}` sets it here"));
    }
    for (team, line) in &owner.rivals {
        error = error.secondary(*line, format!("`{team}` sets it here as well"));
    }
    let claimed = view.owners.iter().filter(|(_, owner)| !owner.unclaimed);
    let names = claimed.filter(|(other, _)| other.0.first().map(String::as_str) == Some(kind));
    let names = names.filter_map(|(other, _)| other.0.get(1).map(String::as_str));
    error.missing_here().help(match nearest(name, names) {
        Some(better) => format!("did you mean `{better}`?"),
        None => format!("set {fields} in the fragment of the owning team"),
    })
}
