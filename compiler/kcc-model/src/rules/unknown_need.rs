//! Reports needs on components that do not exist.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{Code, Diagnostics};

use super::view::View;
use crate::owners::component_names;
use crate::{Name, SystemModel};
use kcc_diag::{listed, nearest};

pub(super) fn unknown_need(view: &View<'_>, diagnostics: &mut Diagnostics) {
    // Names from the tree, to include components that could not be built.
    let here = component_names(view.tree, &view.target.target);
    let anywhere: BTreeSet<String> = targets(view)
        .flat_map(|target| component_names(view.tree, target))
        .collect();
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            if here.contains(name) || (need.optional && anywhere.contains(name)) {
                continue;
            }
            let elsewhere = anywhere.contains(name);
            let path = component.path.join("needs").join(name);
            let message = if elsewhere {
                format!(
                    "`{}` needs `{name}`, which does not run in this target",
                    component.path
                )
            } else {
                format!("`{}` needs `{name}`, which does not exist", component.path)
            };
            let help = if elsewhere {
                let targets = targets_with(view, name);
                format!(
                    "declare the need only in {targets}, where `{name}` runs, or write `optional: true`"
                )
            } else {
                let known = anywhere.iter().map(String::as_str);
                match nearest(name, known.filter(|known| *known != component.name)) {
                    Some(better) => match team_of(view.model, better) {
                        Some(team) => format!("did you mean `{better}` of `{team}`?"),
                        None => format!("did you mean `{better}`?"),
                    },
                    None => list_team_components(view.model, &component.name),
                }
            };
            let error =
                view.reporter
                    .error(Code::CheckUnknownNeed, &path, message, "no such component");
            diagnostics.push(error.missing(name).help(help));
        }
    }
}

/// Returns all targets with known components, including those that are not checked.
fn targets<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Name> {
    let tree = view.tree;
    let all: BTreeSet<&Name> = tree
        .targets
        .keys()
        .chain(tree.declarations.keys())
        .collect();
    all.into_iter()
}

fn targets_with(view: &View<'_>, name: &str) -> String {
    let with = targets(view).filter(|target| component_names(view.tree, target).contains(name));
    with.map(|target| format!("`{target}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn team_of<'a>(model: &'a SystemModel, name: &str) -> Option<&'a str> {
    model
        .targets
        .values()
        .find_map(|target| target.components.get(name))
        .map(|component| component.team.as_str())
}

/// Lists the components of each team, to help find a name.
fn list_team_components(model: &SystemModel, except: &str) -> String {
    let mut teams: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
    for component in model
        .targets
        .values()
        .flat_map(|target| target.components.values())
    {
        if component.name != except {
            teams
                .entry(&component.team)
                .or_default()
                .insert(&component.name);
        }
    }
    let teams: Vec<_> = teams
        .into_iter()
        .map(|(team, names)| {
            let names: Vec<_> = names.into_iter().collect();
            format!("`{team}` has {}", listed(&names))
        })
        .collect();
    if teams.is_empty() {
        "declare it under `services`, `jobs` or `backing`".to_owned()
    } else {
        format!("declare it, or write one that exists: {}", teams.join("; "))
    }
}
