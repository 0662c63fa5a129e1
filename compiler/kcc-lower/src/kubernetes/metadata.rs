//! Names, labels and annotations of objects.
//!
//! Three labels identify the component, system and target of an object:
//! `app.kubernetes.io/name`, `part-of` and `instance` (the target). They select pods
//! and therefore never change; all other labels are descriptive.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{Component, Kind};
use kcc_tree::Path;

use crate::kubernetes::label;
use crate::lowering::Lowering;
use crate::source::Recorder;

/// The owner named in an object's labels.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// The system as a whole.
    System,
    /// A team, for objects that its components share.
    Team(&'a str),
    /// A component.
    Component(&'a Component),
}

/// Returns the metadata of an object; cluster-scoped objects have no namespace.
pub(super) fn object(
    lowering: &Lowering<'_>,
    name: &str,
    namespace: Option<&str>,
    owner: Owner<'_>,
) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(labels(lowering, owner)),
        ..ObjectMeta::default()
    }
}

/// Records the fields that every object has. Its `metadata.name` follows the owner
/// unless the caller records another source.
pub(super) fn record(lowering: &Lowering<'_>, sources: &Recorder) {
    sources.kcc("apiVersion", "the API version that kcc uses");
    sources.kcc("kind", "it follows from the fields of the component");
    sources.model("metadata.name", &[""]);
    sources.paths("metadata.namespace", namespace_paths(lowering));
    sources.kcc("metadata.labels", label::IDENTITY);
}

/// Returns the paths that decide on the namespace.
pub(super) fn namespace_paths(lowering: &Lowering<'_>) -> Vec<Path> {
    vec![
        target_path(lowering, "namespace"),
        Path::of(["system", "name"]),
    ]
}

/// Returns the path of one of the target's settings.
pub(super) fn target_path(lowering: &Lowering<'_>, setting: &str) -> Path {
    let target = &lowering.target.target;
    Path::of(["system", "targets", target, "kubernetes", setting])
}

/// Records declared labels and annotations below `metadata`.
pub(super) fn record_declared(lowering: &Lowering<'_>, component: &Component, sources: &Recorder) {
    let own = labels(lowering, Owner::Component(component));
    for label in component
        .labels
        .keys()
        .filter(|name| !own.contains_key(*name))
    {
        let field = sources.below("metadata.labels").entry(label);
        field.named("", ["labels", label]);
    }
    sources.alike("metadata.annotations", "annotations");
}

/// Returns the labels of an object.
pub(super) fn labels(lowering: &Lowering<'_>, owner: Owner<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (label::SYSTEM.to_owned(), lowering.system.to_owned()),
        (label::TARGET.to_owned(), lowering.target.target.clone()),
        (label::MANAGED_BY.to_owned(), label::MANAGER.to_owned()),
    ]);
    let instance = lowering.instance.map(str::to_owned);
    labels.extend(instance.map(|instance| (label::INSTANCE.to_owned(), instance)));
    match owner {
        Owner::System => {}
        Owner::Team(team) => {
            labels.insert(label::TEAM.to_owned(), team.to_owned());
        }
        Owner::Component(component) => {
            let role = match &component.kind {
                Kind::Service => "service",
                Kind::Job(_) => "job",
                Kind::CronJob(_) => "cron-job",
                Kind::Backing { kind, .. } => kind,
            };
            labels.insert(label::COMPONENT.to_owned(), component.name.clone());
            labels.insert(label::ROLE.to_owned(), role.to_owned());
            labels.insert(label::TEAM.to_owned(), component.team.clone());
        }
    }
    labels
}

/// Returns the labels that select the pods of a component.
pub(super) fn selector(lowering: &Lowering<'_>, component: &Component) -> BTreeMap<String, String> {
    let mut labels = target_selector(lowering);
    labels.insert(label::COMPONENT.to_owned(), component.name.clone());
    labels
}

/// Returns the labels that select all pods of a target.
pub(super) fn target_selector(lowering: &Lowering<'_>) -> BTreeMap<String, String> {
    BTreeMap::from([
        (label::SYSTEM.to_owned(), lowering.system.to_owned()),
        (label::TARGET.to_owned(), lowering.target.target.clone()),
    ])
}

/// Returns the metadata of a component's workload, including declared labels and
/// annotations; kcc's labels take precedence.
pub(super) fn workload(
    lowering: &Lowering<'_>,
    name: &str,
    namespace: &str,
    component: &Component,
) -> ObjectMeta {
    let mut metadata = object(lowering, name, Some(namespace), Owner::Component(component));
    let mut all = component.labels.clone();
    all.extend(metadata.labels.unwrap_or_default());
    metadata.labels = Some(all);
    metadata.annotations = some(component.annotations.clone());
    metadata
}

/// Returns none for an empty map.
pub(super) fn some<K, V>(map: BTreeMap<K, V>) -> Option<BTreeMap<K, V>> {
    (!map.is_empty()).then_some(map)
}
