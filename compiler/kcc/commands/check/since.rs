//! `kcc check --since REV`: the teams and targets that the changes since a revision of git
//! can reach.
//!
//! Both states are evaluated and their models compared, so that a comment reaches nothing
//! and a line of a shared template everything that uses it. A component can also notice a
//! change of what it needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use kcc_diag::Format;
use kcc_model::{CheckedModel, Component, TargetModel};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    commands::json,
    context::Context,
    failure::Failure,
    pipeline::{self, Targets},
    provenance::checkout,
};

/// The JSON output.
#[derive(Debug, Serialize)]
struct Report {
    /// The revision as it was named.
    since: String,
    /// Set if the system has errors there, so that everything counts as changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    everything: bool,
    reach: Vec<Reached>,
}

/// The paths of a team that the changes can reach in a target.
#[derive(Debug, Serialize, PartialEq)]
struct Reached {
    target: String,
    /// The team; none for what belongs to no component.
    team: Option<String>,
    /// The paths that changed.
    changed: BTreeSet<String>,
    /// The components that need one of another team that changed, directly or not.
    needing: BTreeSet<String>,
}

/// Prints what the changes since a revision can reach. The system has no errors.
pub(super) fn report(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
    revision: &str,
) -> Result<(), Failure> {
    let now = pipeline::examined(&context.settings, dir, targets, false)?;
    let scratch = checkout(now.root.path(), revision)?;
    let other = Some(scratch.path());
    let all = Targets::of(&[]);
    let before = match pipeline::examined(&context.settings, other, &all, false) {
        Ok(before) => Some(before.model),
        Err(Failure::Configuration(_)) => None,
        Err(failure) => return Err(failure),
    };
    let report = Report {
        since: revision.to_owned(),
        everything: before.is_none(),
        reach: reached(before.as_deref(), &now.model, targets),
    };
    context.printer.data(&match context.settings.format {
        Format::Text => text(&report),
        _ => json(&report),
    });
    if report.everything {
        context.printer.note(&format!(
            "the system has errors at `{revision}`, so everything counts as changed"
        ));
    } else if report.reach.is_empty() {
        context
            .printer
            .note(&format!("nothing changed since `{revision}`"));
    }
    Ok(())
}

fn reached(before: Option<&CheckedModel>, now: &CheckedModel, targets: &Targets) -> Vec<Reached> {
    let none = BTreeMap::new();
    let before = before.map_or(&none, |before| &before.targets);
    let names: BTreeSet<&String> = before.keys().chain(now.targets.keys()).collect();
    let names = names.into_iter().filter(|name| targets.contain(name));
    names
        .flat_map(|name| of_target(name, before.get(name), now.targets.get(name)))
        .collect()
}

fn of_target(
    target: &str,
    before: Option<&TargetModel>,
    now: Option<&TargetModel>,
) -> Vec<Reached> {
    let mut teams: BTreeMap<Option<&str>, Reached> = BTreeMap::new();
    let entry = |team: Option<&str>| Reached {
        target: target.to_owned(),
        team: team.map(str::to_owned),
        changed: BTreeSet::new(),
        needing: BTreeSet::new(),
    };
    let shared = shared_changes(before, now);
    if !shared.is_empty() {
        teams.entry(None).or_insert_with(|| entry(None)).changed = shared;
    }
    let none = BTreeMap::new();
    let old = before.map_or(&none, |before| &before.components);
    let new = now.map_or(&none, |now| &now.components);
    let both = old.keys().chain(new.keys());
    let changed: BTreeSet<&String> = both
        .filter(|name| old.get(*name) != new.get(*name))
        .collect();
    for name in &changed {
        // A component that was removed or moved to another team concerns both.
        for component in [old.get(*name), new.get(*name)].into_iter().flatten() {
            let team = Some(component.team.as_str());
            let reached = teams.entry(team).or_insert_with(|| entry(team));
            reached.changed.insert(component.path.to_string());
        }
    }
    for component in needing(new, &changed) {
        let team = Some(component.team.as_str());
        let reached = teams.entry(team).or_insert_with(|| entry(team));
        reached.needing.insert(component.path.to_string());
    }
    teams.into_values().collect()
}

/// Returns the components that did not change and need one that did, directly or not.
fn needing<'m>(
    components: &'m BTreeMap<String, Component>,
    changed: &BTreeSet<&String>,
) -> Vec<&'m Component> {
    let mut reached: BTreeSet<&String> = changed.clone();
    let mut found = Vec::new();
    loop {
        let more: Vec<&Component> = components
            .values()
            .filter(|component| !reached.contains(&component.name))
            .filter(|component| component.needs.keys().any(|need| reached.contains(need)))
            .collect();
        if more.is_empty() {
            return found;
        }
        reached.extend(more.iter().map(|component| &component.name));
        found.extend(more);
    }
}

/// Returns the changed paths of a target outside its components, such as
/// `configs.settings`.
fn shared_changes(before: Option<&TargetModel>, now: Option<&TargetModel>) -> BTreeSet<String> {
    let fields = |model: &TargetModel| match serde_json::to_value(model) {
        Ok(Json::Object(mut fields)) => {
            fields.remove("components");
            fields
        }
        _ => serde_json::Map::new(),
    };
    let [before, now] = [before, now].map(|model| model.map(fields).unwrap_or_default());
    let mut changed = BTreeSet::new();
    for name in before.keys().chain(now.keys()) {
        let (old, new) = (before.get(name), now.get(name));
        if old == new {
            continue;
        }
        if let Some((old, new)) = old
            .and_then(Json::as_object)
            .zip(new.and_then(Json::as_object))
        {
            let keys = old.keys().chain(new.keys());
            let keys = keys.filter(|key| old.get(*key) != new.get(*key));
            changed.extend(keys.map(|key| format!("{name}.{key}")));
        } else {
            changed.insert(name.clone());
        }
    }
    changed
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for reached in &report.reach {
        let team = reached.team.as_deref().unwrap_or("system");
        let _ = writeln!(out, "{} {team}", reached.target);
        for path in &reached.changed {
            let _ = writeln!(out, "  {path}");
        }
        for path in &reached.needing {
            let _ = writeln!(out, "  {path} (needs what changed)");
        }
    }
    kcc_diag::plain(&out).into_owned()
}
