//! Warns about components in the system's own files, which no team owns.
//!
//! Without declared teams there is no other place for them. A backing that several
//! teams need is shared and belongs there.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};

use super::view::View;
use crate::{Component, Kind, Name};

pub(super) fn system_component(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if view.tree.system.child("teams").is_none() {
        return;
    }
    for component in view.target.components.values() {
        let Some(owner) = view.owners.get(&component.path) else {
            continue;
        };
        if owner.team.is_some() || owner.unclaimed {
            continue;
        }
        let users = users(view, component);
        let backing = matches!(component.kind, Kind::Backing { .. });
        if backing && users.len() != 1 {
            continue;
        }
        let message = format!("no team owns `{}`", component.path);
        let warning = view.reporter.warning(
            Code::OwnSystemComponent,
            &component.path,
            message,
            "in the system's own files",
        );
        let team = |name: &Name| {
            let path = view.model.teams.get(name).map(|team| &team.path);
            format!("`{}`", path.unwrap_or(name))
        };
        diagnostics.push(warning.help(match users.iter().collect::<Vec<_>>()[..] {
            [only] => format!(
                "move it into {}: only `{only}` needs it",
                team(only)
            ),
            _ => "move it into the directory of the owning team, or add a team for it in `kcc.cue`".to_owned(),
        }));
    }
}

/// Returns the teams whose components need a component in any target. The system
/// itself is not a team.
fn users<'a>(view: &View<'a>, component: &Component) -> BTreeSet<&'a Name> {
    let targets = view.model.targets.values();
    targets
        .flat_map(|target| target.components.values())
        .filter(|other| other.needs.contains_key(&component.name))
        .map(|other| &other.team)
        .filter(|team| view.model.teams.contains_key(*team))
        .collect()
}
