//! The names and labels of everything that kcc creates on a Docker engine.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use kcc_diag::Code;
use kcc_model::Component;
use kcc_tree::Path;

use super::label;
use crate::lowering::Lowering;
use crate::source::Recorder;

/// Returns the prefix of all names on the engine: `<system>-<target>[.<instance>]`.
/// No name in a model contains a dot, so an instance collides with no component.
pub fn name_prefix(system: &str, target: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("{system}-{target}.{instance}"),
        None => format!("{system}-{target}"),
    }
}

/// Returns the prefix of the names that a lowering gives.
pub(super) fn prefix(lowering: &Lowering<'_>) -> String {
    name_prefix(lowering.system, &lowering.target.target, lowering.instance)
}

/// Returns the prefix of the names of the target itself, which an instance shares.
pub(super) fn target_prefix(lowering: &Lowering<'_>) -> String {
    name_prefix(lowering.system, &lowering.target.target, None)
}

/// Returns the labels that identify kcc's objects.
pub(super) fn labels(
    lowering: &Lowering<'_>,
    component: Option<&Component>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (label::SYSTEM.to_owned(), lowering.system.to_owned()),
        (label::TARGET.to_owned(), lowering.target.target.clone()),
    ]);
    if let Some(instance) = lowering.instance {
        labels.insert(label::INSTANCE.to_owned(), instance.to_owned());
    }
    if let Some(component) = component {
        labels.insert(label::COMPONENT.to_owned(), component.name.clone());
        labels.insert(label::TEAM.to_owned(), component.team.clone());
    }
    labels
}

/// Returns the name of a volume of the system.
pub(super) fn shared_volume(lowering: &Lowering<'_>, volume: &str) -> String {
    format!("{}-{volume}", prefix(lowering))
}

/// Starts the record of an object of a component.
pub(super) fn record(component: &Component) -> Recorder {
    let sources = Recorder::of(component);
    sources.model("component", &[""]);
    sources.kcc("labels", label::IDENTITY);
    sources
}

/// Adds an object under its name; reports a name that another component uses.
pub(super) fn insert<T>(
    lowering: &mut Lowering<'_>,
    objects: &mut BTreeMap<String, T>,
    name: String,
    object: T,
    path: &Path,
    noun: &str,
) {
    match objects.entry(name) {
        // Without the full name, which differs by target.
        Entry::Occupied(_) => lowering.error(
            Code::LowerNameClash,
            path,
            format!("a {noun} of `{path}` has the same name as another one"),
            "duplicate name",
            "rename one of the two: the name of a replica is its component and number, that of a volume its component and own name",
        ),
        Entry::Vacant(free) => {
            free.insert(object);
        }
    }
}
