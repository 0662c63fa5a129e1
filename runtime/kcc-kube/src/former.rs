//! Objects that Helm or kubectl made, and how kcc takes them over. Pure.
//!
//! The server notes for each field which manager set it, and a manager that applies
//! removes the fields that it alone had set before and does not send any more. A
//! take-over therefore moves the fields of the former tool to kcc first: the apply that
//! follows then removes what kcc does not declare, the tool's own marks among them, and
//! no conflict with the tool is left. Fields of other managers stay theirs.

use std::collections::BTreeSet;

use kcc_lower::kubernetes::KubernetesDesired;
use kcc_plan::{Finding, Tool};
use serde_json::{Map, Value, json};

use crate::observed::{
    MANAGER, NAMESPACE, Observed, Ownership, Reference, SECRET, has_controller, label, label_of,
};

const RELEASE: &str = "meta.helm.sh/release-name";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The marks of tools that write like kubectl, or with it.
const OTHER_TOOLS: [&str; 4] = [
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
];
/// The manager of the fields that an object had before the server noted any.
const BEFORE: &str = "before-first-apply";

/// Returns the tool that made an object; none for one of a controller, or of a tool whose
/// objects kcc cannot take over.
pub(crate) fn maker(live: &Value) -> Option<Tool> {
    let marks = ["/metadata/annotations", "/metadata/labels"];
    let has = |mark: &str| {
        marks
            .iter()
            .any(|at| live.pointer(at).and_then(|all| all.get(mark)).is_some())
    };
    let of_kcc = label_of(live, label::MANAGED_BY) == Some(MANAGER);
    if of_kcc || has_controller(live) || OTHER_TOOLS.into_iter().any(has) {
        return None;
    }
    let by_helm = label_of(live, label::MANAGED_BY) == Some("Helm");
    if by_helm {
        return release(live).map(|_| Tool::Helm);
    }
    let written = managers(live).any(|entry| is_of(Tool::Kubectl, entry));
    (written || has(LAST_APPLIED)).then_some(Tool::Kubectl)
}

/// Returns the Helm release that an object belongs to.
fn release(live: &Value) -> Option<&str> {
    let annotations = live.pointer("/metadata/annotations")?;
    annotations.get(RELEASE)?.as_str()
}

fn managers(live: &Value) -> impl Iterator<Item = &Value> {
    let managers = live.pointer("/metadata/managedFields");
    managers.and_then(Value::as_array).into_iter().flatten()
}

/// Returns true for the name of a field manager with which a tool writes.
pub(crate) fn is_manager_of(tool: Tool, manager: &str) -> bool {
    match tool {
        Tool::Helm => manager.to_lowercase().contains("helm") || manager == BEFORE,
        Tool::Kubectl => {
            manager == "kubectl" || manager.starts_with("kubectl-") || manager == BEFORE
        }
        Tool::Compose => false,
    }
}

/// Returns true for an entry of the managed fields with what a tool has set, the status
/// aside.
fn is_of(tool: Tool, entry: &Value) -> bool {
    let manager = entry["manager"].as_str().unwrap_or_default();
    is_manager_of(tool, manager) && entry["subresource"] != "status"
}

/// Returns true for the entry of the managed fields that kcc's applies write.
fn is_own(entry: &Value) -> bool {
    entry["manager"] == MANAGER && entry["operation"] == "Apply"
}

/// Marks the objects with desired names that the tool made as such.
pub(crate) fn mark(observed: &mut Observed, kube: &KubernetesDesired, tool: Tool) {
    for object in &kube.objects {
        let existing = observed.objects.get_mut(&Reference::of(object).key());
        let Some(existing) = existing.filter(|_| object.kind != NAMESPACE) else {
            continue;
        };
        let taken = matches!(
            existing.ownership,
            Ownership::Unmanaged | Ownership::Labelled
        );
        // A killed take-over has moved the fields, and the tool's labels are still there.
        let of_kcc = label_of(&existing.live, label::MANAGED_BY) == Some(MANAGER);
        let moved = !of_kcc && managers(&existing.live).any(is_own);
        if taken && (maker(&existing.live) == Some(tool) || moved) {
            existing.ownership = Ownership::Former;
        }
    }
}

/// Returns the managed fields of an object once those of a tool are kcc's; nothing if
/// the tool has none.
pub(crate) fn moved(live: &Value, tool: Tool) -> Option<Value> {
    let mut fields = json!({});
    let mut version = None;
    let mut others = Vec::new();
    let mut found = false;
    for entry in managers(live) {
        let former = is_of(tool, entry);
        if former || is_own(entry) {
            found |= former;
            merge(&mut fields, &entry["fieldsV1"]);
            version = version.or_else(|| Some(entry["apiVersion"].clone()));
        } else {
            others.push(entry.clone());
        }
    }
    if !found {
        return None;
    }
    others.push(json!({
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }));
    Some(Value::Array(others))
}

fn merge(into: &mut Value, fields: &Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        for (name, below) in fields {
            merge(into.entry(name).or_insert_with(|| json!({})), below);
        }
    }
}

/// Returns an object as it will be after a take-over: `next` is the dry run in which kcc
/// sets its fields, and a field that only the tool has set is removed, or has the
/// cluster's default. `fresh` is the object as the cluster would create it.
pub(crate) fn without_former(
    live: &Value,
    next: &Value,
    fresh: Option<&Value>,
    tool: Tool,
) -> Value {
    let own = managers(next).filter(|entry| is_own(entry));
    let others = managers(live).filter(|entry| !is_of(tool, entry));
    let stay: Vec<_> = own.chain(others).map(|entry| &entry["fieldsV1"]).collect();
    let mut result = next.clone();
    for entry in managers(live).filter(|entry| is_of(tool, entry)) {
        remove(&mut result, &entry["fieldsV1"], &stay, fresh);
    }
    result
}

/// Removes fields from a value, except those that stay; what is fresh has the default.
fn remove(value: &mut Value, fields: &Value, stay: &[&Value], fresh: Option<&Value>) {
    for (name, below) in fields.as_object().into_iter().flatten() {
        let kept: Vec<_> = stay.iter().filter_map(|fields| fields.get(name)).collect();
        let Some((form, key)) = name.split_once(':') else {
            continue;
        };
        let leaf = below.as_object().is_some_and(Map::is_empty);
        match (form, &mut *value) {
            ("f", Value::Object(object)) => {
                let Some(child) = object.get_mut(key) else {
                    continue;
                };
                let fresh = fresh.and_then(|fresh| fresh.get(key));
                remove(child, below, &kept, fresh);
                let empty = match child {
                    Value::Object(fields) => fields.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    _ => false,
                };
                if kept.is_empty() && (leaf || empty) {
                    match fresh {
                        Some(default) => *child = default.clone(),
                        None => _ = object.remove(key),
                    }
                }
            }
            ("k" | "v", Value::Array(items)) => {
                let Ok(key) = serde_json::from_str::<Value>(key) else {
                    continue;
                };
                let position = items.iter().position(|item| is_item(item, &key));
                let Some(position) = position else { continue };
                let mut fresh = fresh.and_then(Value::as_array).into_iter().flatten();
                let fresh = fresh.find(|item| is_item(item, &key));
                if kept.is_empty() && fresh.is_none() {
                    items.remove(position);
                } else {
                    remove(&mut items[position], below, &kept, fresh);
                }
            }
            _ => {}
        }
    }
}

/// Returns true for the item of a list that a key names: by some of its fields, or by its
/// value.
fn is_item(item: &Value, key: &Value) -> bool {
    match key {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| item.get(name).is_none_or(|own| own == value)),
        value => item == value,
    }
}

/// Describes what remains of the former tool: objects of it that the desired state does
/// not have, and Helm's record of its releases. `all` are kind and metadata of everything
/// in the namespace.
pub(crate) fn remains(
    observed: &Observed,
    kube: &KubernetesDesired,
    all: &[(String, Value)],
    tool: Tool,
) -> Vec<Finding> {
    let former = observed
        .objects
        .values()
        .filter(|existing| existing.ownership == Ownership::Former);
    let releases: BTreeSet<_> = former
        .filter_map(|existing| release(&existing.live))
        .collect();
    let secrets = kube.secrets.iter().map(|secret| (SECRET, &secret.name));
    let objects = kube.objects.iter();
    let desired: BTreeSet<_> = objects
        .map(|object| (object.kind.as_str(), &object.name))
        .chain(secrets)
        .map(|(kind, name)| (kind, name.as_str()))
        .collect();
    let mut found = Vec::new();
    for (kind, live) in all {
        let name = live.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.unwrap_or_default();
        let of = release(live);
        let same = tool != Tool::Helm || of.is_some_and(|of| releases.contains(of));
        if maker(live) == Some(tool) && same && !desired.contains(&(kind.as_str(), name)) {
            let of = of.map_or_else(String::new, |release| format!(" (release `{release}`)"));
            let cause = format!("made by {tool}{of} and not declared, so it stays as it is");
            found.push(Finding::remains(kind, name, cause, None));
        }
    }
    for release in releases.iter().filter(|_| tool == Tool::Helm) {
        let owned = |live: &Value| {
            label_of(live, "owner") == Some("helm") && label_of(live, "name") == Some(release)
        };
        let record = all
            .iter()
            .find(|(kind, live)| kind == SECRET && owned(live));
        let Some((kind, live)) = record else { continue };
        let name = live.pointer("/metadata/name").and_then(Value::as_str);
        let cause = format!(
            "Helm's record of release `{release}`: `helm uninstall` would delete what kcc runs"
        );
        let help = format!(
            "remove the record and nothing else: `kubectl -n {} delete secret -l \
             owner=helm,name={release}`",
            kube.namespace
        );
        found.push(Finding::remains(
            kind,
            name.unwrap_or_default(),
            cause,
            Some(help),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({
            "manager": manager,
            "operation": operation,
            "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        })
    }

    fn by_helm() -> Value {
        let container = json!({"f:image": {}, "f:tty": {}, ".": {}});
        json!({
            "metadata": {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "shop"},
                "managedFields": [
                    entry("helm", "Update", &json!({
                        "f:metadata": {"f:annotations": {".": {}, "f:meta.helm.sh/release-name": {}}},
                        "f:spec": {"f:replicas": {}, "f:paused": {}, "f:containers": {
                            "k:{\"name\":\"web\"}": container, "k:{\"name\":\"old\"}": {".": {}},
                        }},
                    })),
                    entry("hpa", "Update", &json!({"f:spec": {"f:replicas": {}}})),
                ],
            },
            "spec": {"replicas": 2, "paused": true, "containers": [
                {"name": "web", "image": "w", "tty": true, "filled": 1}, {"name": "old"},
            ]},
        })
    }

    #[test]
    fn tells_the_tools_apart() {
        let marked = |metadata: Value| maker(&json!({"metadata": metadata}));
        assert_eq!(maker(&by_helm()), Some(Tool::Helm));
        let helm = json!({"app.kubernetes.io/managed-by": "Helm"});
        assert_eq!(
            marked(json!({"labels": helm})),
            None,
            "anybody can write a label"
        );
        let last = json!({LAST_APPLIED: "{}"});
        assert_eq!(marked(json!({"annotations": last})), Some(Tool::Kubectl));
        let edited = json!([entry("kubectl-create", "Update", &json!({}))]);
        assert_eq!(
            marked(json!({"managedFields": edited})),
            Some(Tool::Kubectl)
        );
        let argo = json!({LAST_APPLIED: "{}", "argocd.argoproj.io/tracking-id": "shop"});
        assert_eq!(marked(json!({"annotations": argo})), None);
        let own = json!({label::MANAGED_BY: MANAGER});
        let of_another_system = json!({"labels": own, "annotations": {LAST_APPLIED: "{}"}});
        assert_eq!(marked(of_another_system), None);
        let owner = json!([{"controller": true}]);
        let by_controller = json!({"annotations": {LAST_APPLIED: "{}"}, "ownerReferences": owner});
        assert_eq!(marked(by_controller), None);
        assert_eq!(
            marked(json!({"managedFields": [entry("operator", "Update", &json!({}))]})),
            None
        );
    }

    #[test]
    fn moves_the_fields_of_the_tool_alone() {
        let moved = moved(&by_helm(), Tool::Helm).unwrap();
        let managers: Vec<_> = managers_of(&moved);
        assert_eq!(managers, ["hpa Update", "kcc Apply"]);
        assert_eq!(moved[1]["fieldsV1"]["f:spec"]["f:replicas"], json!({}));
        let mut live = by_helm();
        live["metadata"]["managedFields"] = moved;
        assert_eq!(super::moved(&live, Tool::Helm), None, "once is enough");
        assert_eq!(super::moved(&by_helm(), Tool::Kubectl), None);
    }

    fn managers_of(all: &Value) -> Vec<String> {
        let all = all.as_array().unwrap().iter();
        all.map(|one| {
            format!(
                "{} {}",
                one["manager"].as_str().unwrap(),
                one["operation"].as_str().unwrap()
            )
        })
        .collect()
    }

    #[test]
    fn removes_what_only_the_tool_has_set() {
        let live = by_helm();
        let mut next = live.clone();
        let own =
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}});
        let managers = next["metadata"]["managedFields"].as_array_mut().unwrap();
        managers.push(entry("kcc", "Apply", &own));
        let result = without_former(&live, &next, None, Tool::Helm);
        assert_eq!(
            result["spec"],
            json!({"replicas": 2, "containers": [{"name": "web", "image": "w", "filled": 1}]})
        );
        let fresh =
            json!({"spec": {"paused": false, "containers": [{"name": "web", "tty": false}]}});
        let result = without_former(&live, &next, Some(&fresh), Tool::Helm);
        assert_eq!(result["spec"]["paused"], false, "the default");
        assert_eq!(result["spec"]["containers"][0]["tty"], false, "the default");
        assert_eq!(result["metadata"].get("annotations"), None);
    }
}
