//! Components of the system's own files, for which no team answers.
//!
//! Whoever has no teams has no other place for them. What several teams need is
//! shared, and a backing that is may well stand there.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};

use super::View;
use crate::{Component, Kind, Name};

pub(super) fn system_component(view: &View<'_>, found: &mut Diagnostics) {
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
        let message = format!("no team answers for `{}`", component.path);
        let warning = view.lines.warning(
            Code::OwnSystemComponent,
            &component.path,
            message,
            "in the system's own files",
        );
        let team = |name: &Name| {
            let folder = view.model.teams.get(name).map(|team| &team.path);
            folder.map_or_else(|| format!("`{name}`"), |folder| format!("`{folder}`"))
        };
        found.push(warning.help(match users.iter().collect::<Vec<_>>()[..] {
            [only] => format!(
                "move it into {}: nobody but `{only}` needs it",
                team(only)
            ),
            _ => "move it into the folder of the team that answers for it, or make a team for it in `kcc.cue`".to_owned(),
        }));
    }
}

/// The teams whose components need one, in any target; the system itself is
/// none.
fn users<'a>(view: &View<'a>, component: &Component) -> BTreeSet<&'a Name> {
    let targets = view.model.targets.values();
    targets
        .flat_map(|target| target.components.values())
        .filter(|other| other.needs.contains_key(&component.name))
        .map(|other| &other.team)
        .filter(|team| view.model.teams.contains_key(*team))
        .collect()
}
