//! Raw objects: what the model has no word for, as Kubernetes has it.
//!
//! An object gets the target's namespace and kcc's labels. Kinds of the pinned
//! version are held against their types, custom resources against the schema
//! of their definition where that is in the system; of any other custom
//! resource the cluster itself is the judge.

mod builtin;
mod crd;

use kcc_diag::{Code, nearest};
use kcc_model::RawObject;
use serde_json::{Map, Value, json};

pub(crate) use builtin::RULES;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{Object, Objects};
use crate::lowering::Lowering;
use crate::read::{Fault, report};
use builtin::BuiltIn;
use crd::Definition;

/// Kinds that hold data, or without which data cannot be.
const DATA: [&str; 4] = [
    "CustomResourceDefinition",
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
];

pub(super) fn lower(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    if lowering.target.objects.is_empty() {
        return;
    }
    let built_in = builtin::all();
    let definitions: Vec<Definition<'_>> = lowering
        .target
        .objects
        .values()
        .filter_map(|object| Definition::of(&object.manifest))
        .collect();
    for raw in lowering.target.objects.values() {
        let text = |field: &str| raw.manifest.get(field).and_then(Value::as_str);
        let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            // The schema demands both.
            continue;
        };
        let type_of = built_in
            .iter()
            .find(|known| known.api_version == api_version && known.kind == kind);
        let definition = definitions
            .iter()
            .find(|definition| definition.makes(api_version, kind));
        let cluster_scoped = match (type_of, definition) {
            (Some(known), _) => known.cluster_scoped,
            (None, Some(definition)) => definition.cluster_scoped,
            (None, None) => false,
        };
        let faults = match (type_of, definition) {
            (Some(known), _) => (known.hold)(&raw.manifest),
            (None, Some(definition)) => definition.hold(api_version, &raw.manifest),
            (None, None) => {
                if builtin::is_own_group(api_version) {
                    unknown_kind(lowering, raw, &built_in, api_version, kind);
                    continue;
                }
                Vec::new()
            }
        };
        for fault in faults {
            report(lowering, &raw.path, kind, fault);
        }
        hold_secret(lowering, raw, kind, api_version);
        let Some(manifest) = complete(lowering, raw, objects.namespace, cluster_scoped) else {
            continue;
        };
        let object = Object {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: (!cluster_scoped).then(|| objects.namespace.to_owned()),
            name: name(raw).to_owned(),
            component: None,
            team: Some(raw.team.clone()),
            data: DATA.contains(&kind),
            manifest,
        };
        objects.push(lowering, object, &raw.path);
    }
}

/// The object's own name, or the one that it has in the model.
fn name(raw: &RawObject) -> &str {
    let own = raw.manifest.pointer("/metadata/name");
    own.and_then(Value::as_str).unwrap_or(&raw.name)
}

/// The object with its name, its namespace and kcc's labels.
fn complete(
    lowering: &mut Lowering<'_>,
    raw: &RawObject,
    namespace: &str,
    cluster_scoped: bool,
) -> Option<Value> {
    let written = raw.manifest.pointer("/metadata/namespace");
    if let Some(other) = written.and_then(Value::as_str)
        && (cluster_scoped || other != namespace)
    {
        let message = if cluster_scoped {
            format!("`{}` is in a namespace, but its kind is in none", raw.path)
        } else {
            format!(
                "`{}` is in the namespace `{other}`, but the target is in `{namespace}`",
                raw.path
            )
        };
        lowering.unsupported(
            &raw.path.join("metadata").join("namespace"),
            message,
            "remove it: kcc gives an object the namespace of its target",
        );
        return None;
    }
    let mut manifest = raw.manifest.as_object()?.clone();
    let metadata = manifest
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()?;
    metadata.insert("name".to_owned(), json!(name(raw)));
    if !cluster_scoped {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    let mut labels = match metadata.remove("labels") {
        Some(Value::Object(labels)) => labels,
        _ => Map::new(),
    };
    let own = metadata::labels(lowering, Owner::Team(&raw.team));
    labels.extend(own.into_iter().map(|(name, value)| (name, json!(value))));
    metadata.insert("labels".to_owned(), Value::Object(labels));
    Some(Value::Object(manifest))
}

/// A value in a Secret would be in every output.
fn hold_secret(lowering: &mut Lowering<'_>, raw: &RawObject, kind: &str, api_version: &str) {
    if kind != "Secret" || api_version != "v1" {
        return;
    }
    for field in ["data", "stringData"] {
        if raw.manifest.get(field).is_some() {
            lowering.unsupported(
                &raw.path.join(field),
                format!("`{}` holds values of secrets", raw.path),
                "declare them in `secrets`, which says where a value comes from and never the value",
            );
        }
    }
}

fn unknown_kind(
    lowering: &mut Lowering<'_>,
    raw: &RawObject,
    built_in: &[BuiltIn],
    api_version: &str,
    kind: &str,
) {
    let elsewhere = built_in.iter().find(|known| known.kind == kind);
    let kinds = built_in
        .iter()
        .filter(|known| known.api_version == api_version)
        .map(|known| known.kind);
    let (field, help) = match (elsewhere, nearest(kind, kinds)) {
        (Some(known), _) => (
            "apiVersion",
            format!("write `apiVersion: {:?}`", known.api_version),
        ),
        (None, Some(near)) => ("kind", format!("did you mean `{near}`?")),
        (None, None) => {
            let all = built_in.iter().map(|known| known.kind);
            match nearest(kind, all) {
                Some(near) => ("kind", format!("did you mean `{near}`?")),
                None => (
                    "kind",
                    "write a kind and a version that Kubernetes 1.34 has".to_owned(),
                ),
            }
        }
    };
    lowering.error(
        Code::LowerBadObject,
        &raw.path.join(field),
        format!("Kubernetes 1.34 has no kind `{kind}` in `{api_version}`"),
        "no such kind",
        help,
    );
}

/// Holds a value against the type of a kind of Kubernetes; no faults where the
/// kind is another's.
pub(super) fn built_in(api_version: &str, kind: &str, value: &Value) -> Vec<Fault> {
    let all = builtin::all();
    let known = all
        .iter()
        .find(|known| known.api_version == api_version && known.kind == kind);
    known.map_or_else(Vec::new, |known| (known.hold)(value))
}
