//! Lowers raw objects, for everything that the model has no field for.
//!
//! An object gets the target's namespace and kcc's labels. Built-in kinds are
//! validated against their types, custom resources against their definition if it is
//! part of the system; the cluster validates all others.

mod builtin;
mod crd;

use kcc_diag::{Code, nearest};
use kcc_model::RawObject;
use serde_json::{Map, Value, json};

pub(crate) use builtin::GOVERNING_KINDS;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::Objects;
use crate::kubernetes::{Object, kind as kinds, label};
use crate::lowering::Lowering;
use crate::source::Recorder;
use crate::validation::{Violation, report};
use builtin::BuiltIn;
use crd::Definition;

/// The kinds that refer to service accounts with their namespace.
const BINDINGS: [&str; 2] = ["RoleBinding", "ClusterRoleBinding"];

/// The kinds with permissions in the whole cluster, whose names are cluster-wide.
const CLUSTER_ROLES: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];

/// Adds the raw objects. They are written for the namespace of the target, which an
/// instance replaces by its own.
pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    target_namespace: &str,
    objects: &mut Objects<'_>,
) {
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
            // The schema requires both.
            continue;
        };
        let type_of = built_in
            .iter()
            .find(|known| known.api_version == api_version && known.kind == kind);
        let definition = definitions
            .iter()
            .find(|definition| definition.defines(api_version, kind));
        let cluster_scoped = match (type_of, definition) {
            (Some(known), _) => known.cluster_scoped,
            (None, Some(definition)) => definition.cluster_scoped,
            (None, None) => false,
        };
        let violations = match (type_of, definition) {
            (Some(known), _) => (known.validate)(&raw.manifest),
            (None, Some(definition)) => definition.validate(api_version, &raw.manifest),
            (None, None) => {
                if builtin::is_own_group(api_version) {
                    report_unknown_kind(lowering, raw, &built_in, api_version, kind);
                    continue;
                }
                Vec::new()
            }
        };
        for violation in violations {
            report(lowering, &raw.path, kind, violation);
        }
        check_secret(lowering, raw, kind, api_version);
        let Some(manifest) = complete(lowering, raw, target_namespace, cluster_scoped) else {
            continue;
        };
        let mut object = Object {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: (!cluster_scoped).then(|| target_namespace.to_owned()),
            name: object_name(raw).to_owned(),
            component: None,
            team: Some(raw.team.clone()),
            data: kinds::holds_data(kind),
            manifest,
        };
        let sources = Recorder::at(raw.path.clone());
        sources.alike("", "");
        let own = metadata::labels(lowering, Owner::Team(&raw.team));
        for label in own.keys() {
            let label = sources.below("metadata.labels").entry(label);
            label.kcc("", label::IDENTITY);
        }
        sources.paths("metadata.namespace", metadata::namespace_paths(lowering));
        move_to(&mut object, target_namespace, objects.namespace);
        objects.push(lowering, object, &raw.path, &sources);
    }
}

/// Moves an object from one namespace to another, with the service accounts that it
/// refers to and, for permissions in the whole cluster, a name that begins with the
/// namespace.
fn move_to(object: &mut Object, from: &str, to: &str) {
    if from == to {
        return;
    }
    if let Some(namespace) = &mut object.namespace {
        to.clone_into(namespace);
        object.manifest["metadata"]["namespace"] = json!(to);
    }
    if BINDINGS.contains(&object.kind.as_str()) {
        let subjects = object.manifest.get_mut("subjects");
        for subject in subjects.and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(namespace) = subject.get_mut("namespace").filter(|own| **own == from) {
                *namespace = json!(to);
            }
        }
    }
    if CLUSTER_ROLES.contains(&object.kind.as_str()) {
        let renamed = |name: &str| {
            Some(format!(
                "{to}-{}",
                name.strip_prefix(from)?.strip_prefix('-')?
            ))
        };
        if let Some(name) = renamed(&object.name) {
            object.manifest["metadata"]["name"] = json!(name);
            object.name = name;
        }
        if let Some(role) = object.manifest.pointer_mut("/roleRef/name")
            && let Some(name) = role.as_str().and_then(renamed)
        {
            *role = json!(name);
        }
    }
}

/// Returns the object's declared name, or its name in the model.
fn object_name(raw: &RawObject) -> &str {
    let own = raw.manifest.pointer("/metadata/name");
    own.and_then(Value::as_str).unwrap_or(&raw.name)
}

/// Completes an object with its name, namespace and kcc's labels.
fn complete(
    lowering: &mut Lowering<'_>,
    raw: &RawObject,
    namespace: &str,
    cluster_scoped: bool,
) -> Option<Value> {
    let declared = raw.manifest.pointer("/metadata/namespace");
    if let Some(other) = declared.and_then(Value::as_str)
        && (cluster_scoped || other != namespace)
    {
        let message = if cluster_scoped {
            format!(
                "`{}` has a namespace, but its kind is cluster-scoped",
                raw.path
            )
        } else {
            format!(
                "`{}` is in namespace `{other}`, but the target is in `{namespace}`",
                raw.path
            )
        };
        lowering.unsupported(
            &raw.path.join("metadata").join("namespace"),
            message,
            "remove it: kcc sets the namespace of the target",
        );
        return None;
    }
    let mut manifest = raw.manifest.as_object()?.clone();
    let metadata = manifest
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()?;
    metadata.insert("name".to_owned(), json!(object_name(raw)));
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

/// Reports a Secret with values, which would appear in every output.
fn check_secret(lowering: &mut Lowering<'_>, raw: &RawObject, kind: &str, api_version: &str) {
    if kind != kinds::SECRET || api_version != "v1" {
        return;
    }
    for field in ["data", "stringData"] {
        if raw.manifest.get(field).is_some() {
            lowering.unsupported(
                &raw.path.join(field),
                format!("`{}` contains values of secrets", raw.path),
                "declare them under `secrets` with a provider of the value instead",
            );
        }
    }
}

fn report_unknown_kind(
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
                    "write a kind and version of Kubernetes 1.34".to_owned(),
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

/// Validates a value against a built-in kind; returns no violations for other kinds.
pub(super) fn validate_built_in(api_version: &str, kind: &str, value: &Value) -> Vec<Violation> {
    let all = builtin::all();
    let known = all
        .iter()
        .find(|known| known.api_version == api_version && known.kind == kind);
    known.map_or_else(Vec::new, |known| (known.validate)(value))
}
