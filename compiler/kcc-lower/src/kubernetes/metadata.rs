//! Names, labels and annotations of objects.
//!
//! Three labels say which component of which system and target an object is:
//! `app.kubernetes.io/name`, `part-of` and `instance` (the target). They select
//! pods, so they never change; the others describe.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kcc_model::{Component, Kind};

use crate::lowering::Lowering;

/// The field manager and the value of `app.kubernetes.io/managed-by`.
const MANAGER: &str = "kcc";

/// Who an object is labelled for.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// All teams.
    System,
    /// One team, for something that its components share.
    Team(&'a str),
    /// One component.
    Component(&'a Component),
}

/// The metadata of an object; without a namespace for what is cluster-scoped.
pub(super) fn of(
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

/// The labels of an object.
pub(super) fn labels(lowering: &Lowering<'_>, owner: Owner<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (
            "app.kubernetes.io/part-of".to_owned(),
            lowering.system.to_owned(),
        ),
        (
            "app.kubernetes.io/instance".to_owned(),
            lowering.target.target.clone(),
        ),
        (
            "app.kubernetes.io/managed-by".to_owned(),
            MANAGER.to_owned(),
        ),
    ]);
    match owner {
        Owner::System => {}
        Owner::Team(team) => {
            labels.insert("kcc.dev/team".to_owned(), team.to_owned());
        }
        Owner::Component(component) => {
            let role = match &component.kind {
                Kind::Service => "service",
                Kind::Job(_) => "job",
                Kind::CronJob(_) => "cron-job",
                Kind::Backing { kind, .. } => kind,
            };
            labels.insert("app.kubernetes.io/name".to_owned(), component.name.clone());
            labels.insert("app.kubernetes.io/component".to_owned(), role.to_owned());
            labels.insert("kcc.dev/team".to_owned(), component.team.clone());
        }
    }
    labels
}

/// The labels that select the pods of a component.
pub(super) fn selector(lowering: &Lowering<'_>, component: &Component) -> BTreeMap<String, String> {
    let mut labels = everything(lowering);
    labels.insert("app.kubernetes.io/name".to_owned(), component.name.clone());
    labels
}

/// The labels that select all pods of a target.
pub(super) fn everything(lowering: &Lowering<'_>) -> BTreeMap<String, String> {
    BTreeMap::from([
        (
            "app.kubernetes.io/part-of".to_owned(),
            lowering.system.to_owned(),
        ),
        (
            "app.kubernetes.io/instance".to_owned(),
            lowering.target.target.clone(),
        ),
    ])
}

/// The metadata of a component's workload, with the fragment's own labels and
/// annotations; kcc's win.
pub(super) fn workload(
    lowering: &Lowering<'_>,
    name: &str,
    namespace: &str,
    component: &Component,
) -> ObjectMeta {
    let mut metadata = of(lowering, name, Some(namespace), Owner::Component(component));
    let mut all = component.labels.clone();
    all.extend(metadata.labels.unwrap_or_default());
    metadata.labels = Some(all);
    metadata.annotations = some(component.annotations.clone());
    metadata
}

/// Nothing rather than an empty map.
pub(super) fn some<K, V>(map: BTreeMap<K, V>) -> Option<BTreeMap<K, V>> {
    (!map.is_empty()).then_some(map)
}
