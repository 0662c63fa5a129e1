//! The parity ledger: how each engine honours each field that is in use.
//!
//! The verdict of each engine stands in the schema, beside the field; `uses` finds the
//! uses of a component. A dropped field that the component would notice is an error,
//! unless the target accepts it with a reason.

use std::collections::BTreeMap;

use kcc_diag::{Code, at_more_paths};
use kcc_model::{TargetModel, covers, narrowest};
use kcc_tree::{Engine, Path};
use serde::Serialize;

use crate::docker::patched_fields;
use crate::kubernetes::GOVERNING_KINDS;
use crate::lowering::Lowering;

mod field;
mod uses;
mod verdict;

pub use field::Field;
pub use verdict::Verdict;

/// A use of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The path in the model.
    #[serde(serialize_with = "serialize_path")]
    pub path: Path,
    /// The field.
    pub field: &'static Field,
    /// The verdict of the target's engine.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The target's reason for accepting a drop.
    pub accepted: Option<String>,
}

fn serialize_path<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

/// Returns every use of a field in a target, by component, in field order.
pub fn ledger(target: &TargetModel) -> Vec<Entry> {
    let engine = target.engine.engine();
    let mut entries = Vec::new();
    for component in target
        .components
        .values()
        .filter(|component| component.runs())
    {
        let mut uses = uses::of_component(component, target);
        let patches = target.patches.get(&component.name).into_iter().flatten();
        uses.extend(patches.map(|(kind, _)| {
            let below = vec!["kubernetes".to_owned(), kind.clone()];
            ("kubernetes.*", below)
        }));
        let docker_patch = target.docker_patches.get(&component.name);
        let fields = docker_patch.into_iter().flat_map(patched_fields);
        uses.extend(fields.map(|below| ("docker.*", below)));
        let root = component.path.0.first().map_or("", String::as_str);
        let mut uses: Vec<_> = uses
            .into_iter()
            .filter_map(|(field, below)| Some((position(root, field)?, below)))
            .collect();
        uses.sort();
        entries.extend(uses.into_iter().map(|(at, below)| {
            let path = Path(component.path.0.iter().cloned().chain(below).collect());
            entry(target, engine, path, &Field::all()[at])
        }));
    }
    for volume in target.volumes.values() {
        for (field, used) in [("size", true), ("class", volume.class.is_some())] {
            let at = position("volumes", field).filter(|_| used);
            let field_of = at.map(|at| &Field::all()[at]);
            let path = volume.path.join(field);
            entries.extend(field_of.map(|field| entry(target, engine, path, field)));
        }
    }
    for object in target.objects.values() {
        let kind = object.manifest.get("kind").and_then(|kind| kind.as_str());
        let field = match kind {
            Some(kind) if GOVERNING_KINDS.contains(&kind) => "objects.*.kind",
            _ => "objects.*",
        };
        let field = position("objects", field).map(|at| &Field::all()[at]);
        entries.extend(field.map(|field| entry(target, engine, object.path.clone(), field)));
    }
    entries
}

/// Returns the position of a field in the schema. Every name in this module is one, as
/// a test finds out.
fn position(root: &str, path: &str) -> Option<usize> {
    let field = Field::of(root, path);
    debug_assert!(field.is_some(), "the schema has no verdict on `{path}`");
    let field = field?;
    Field::all().iter().position(|other| other == field)
}

fn entry(target: &TargetModel, engine: Engine, path: Path, field: &'static Field) -> Entry {
    let accepted = target
        .parity_accept
        .iter()
        .find(|(pattern, _)| covers(pattern, &path.0))
        .map(|(_, reason)| reason.clone());
    Entry {
        path,
        field,
        verdict: field.verdict(engine),
        accepted,
    }
}

/// Reports every drop that the target does not accept: once for a line that several
/// components share, as in a template or a default.
pub(crate) fn check(lowering: &mut Lowering<'_>) {
    let mut drops: BTreeMap<_, Vec<(Path, &str)>> = BTreeMap::new();
    for entry in ledger(lowering.target) {
        if let (Verdict::Dropped(why), None) = (entry.verdict, entry.accepted) {
            let key = (lowering.line(&entry.path), any_component(&entry.path));
            let drops = drops.entry(key).or_default();
            drops.push((entry.path, why));
        }
    }
    for ((_, pattern), drops) in drops {
        let Some(((path, why), others)) = drops.split_first() else {
            continue;
        };
        let engine = lowering.target.engine.engine();
        let message = format!("`{path}` has no effect on {engine}: {why}");
        let message = at_more_paths(message, others.len());
        let accepted = if others.is_empty() { path } else { &pattern };
        // Without the target's name, so that targets of one engine share a diagnostic.
        let help = format!(
            "move it under `on` for other targets, or accept the drop in `system.targets`: \
             `parity: accept: {:?}: \"<reason>\"`",
            narrowest(&accepted.0)
        );
        let label = format!("{engine} drops it");
        lowering.error(Code::LowerParityDropped, path, message, label, help);
    }
}

/// Returns the pattern for a path in any component.
fn any_component(path: &Path) -> Path {
    let mut pattern = path.clone();
    if let Some(name) = pattern.0.get_mut(1) {
        "*".clone_into(name);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn paths_are_unique_and_reasons_are_not_empty() {
        let paths: BTreeSet<_> = Field::all().iter().map(Field::path).collect();
        assert_eq!(paths.len(), Field::all().len());
        for field in Field::all() {
            for engine in Engine::ALL {
                let (Verdict::Emulated(why)
                | Verdict::DroppedByNature(why)
                | Verdict::Dropped(why)) = field.verdict(engine)
                else {
                    continue;
                };
                assert!(why.len() > 10 && !why.ends_with('.'), "{}", field.path());
            }
        }
    }
}
