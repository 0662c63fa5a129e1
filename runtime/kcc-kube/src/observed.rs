//! The observed state of a scope, in types of kcc's own, so that reconcile needs
//! neither a cluster nor its library.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use kcc_lower::kubernetes::{Object, kind};
pub(crate) use kcc_lower::kubernetes::{
    kind::{CLAIM, DEFINITION, NAMESPACE, SECRET},
    label::{self, MANAGER},
};
use kcc_model::Name;
use kcc_plan::{Finding, LabelledObject, Sharer, Unapplied};
use serde::Serialize;
use serde_json::Value;

/// The address of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Reference {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    /// None for cluster-scoped objects.
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Reference {
    pub(crate) fn of(object: &Object) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }

    /// Refers to an object of the core API in a namespace.
    pub(crate) fn core(kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    pub(crate) fn namespace(name: &str) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: NAMESPACE.to_owned(),
            namespace: None,
            name: name.to_owned(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        let group = self
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        Key {
            group: group.to_owned(),
            kind: self.kind.clone(),
            name: self.name.clone(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

/// The identity of an object within a scope, independent of its API version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// The observed state of a scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// True if the scope has records.
    pub(crate) recorded: bool,
    /// The reasons why the last apply failed.
    pub(crate) unapplied: Unapplied,
    /// True if the last apply was killed.
    pub(crate) interrupted: bool,
    /// The objects of the scope, and unmanaged ones with desired names.
    pub(crate) objects: BTreeMap<Key, ObservedObject>,
    /// The dry run of each desired object.
    pub(crate) dry_runs: BTreeMap<Key, DryRun>,
    /// The Secrets whose value differs from the provider's.
    pub(crate) stale: BTreeSet<String>,
    /// The resolution of conflicts, for objects that have any.
    pub(crate) resolutions: BTreeMap<Key, ConflictResolution>,
    /// The reasons not to remove the namespace, such as an unmanaged object in it;
    /// only determined if it would be removed.
    pub(crate) namespace_blockers: Vec<String>,
    /// The remains of a tool whose objects are taken over.
    pub(crate) remains: Vec<Finding>,
    /// The number of ready and of desired replicas of each component that the instance
    /// shares, if its target has it.
    pub(crate) sharing: BTreeMap<Name, (u32, u32)>,
    /// The secrets of shared components whose values the target has.
    pub(crate) shared_secrets: BTreeSet<Name>,
    /// The instances that use components of this target.
    pub(crate) sharers: BTreeSet<Sharer>,
    /// The limits of the namespace.
    pub(crate) limits: Limits,
}

/// The limits of a namespace, and the pods of the scope that count in them; empty as far as
/// they cannot be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    /// The `ResourceQuota`s.
    pub(crate) quotas: Vec<Value>,
    /// The `LimitRange`s.
    pub(crate) ranges: Vec<Value>,
    /// The pods, if there is a quota.
    pub(crate) pods: Vec<Value>,
}

/// The owner of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It carries the scope's labels, and the inventory lists it.
    Owned,
    /// kcc wrote it for this scope, according to the cluster, but the inventory does
    /// not list it.
    Unrecorded,
    /// It carries the scope's labels, but kcc never wrote it: anybody can copy labels.
    Labelled,
    /// The tool made it that the command takes objects over from.
    Former,
    /// It does not carry the scope's labels, or a controller copied them.
    Unmanaged,
}

/// The reason to leave a labelled object alone.
const DOUBT: &str = "kcc never wrote it, according to its managed fields";

impl Observed {
    /// Returns true if the last apply completed a component.
    pub(crate) fn is_completed(&self, component: &str) -> bool {
        self.recorded && !self.interrupted && self.unapplied.is_completed(component)
    }

    /// Lists the objects of the scope that kcc made, and those that only carry its
    /// labels. The namespace is used whoever made it.
    pub(crate) fn labelled(&self) -> Vec<LabelledObject> {
        let objects = self.objects.values().filter(|existing| {
            !matches!(existing.ownership, Ownership::Unmanaged | Ownership::Former)
                && existing.reference.kind != NAMESPACE
        });
        objects
            .map(|existing| LabelledObject {
                kind: existing.reference.kind.clone(),
                name: existing.reference.name.clone(),
                component: existing.component.clone(),
                team: existing.team.clone(),
                recorded: existing.ownership == Ownership::Owned,
                doubt: (existing.ownership == Ownership::Labelled).then(|| DOUBT.to_owned()),
            })
            .collect()
    }
}

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct ObservedObject {
    pub(crate) reference: Reference,
    /// The cluster's identity for it, which no other object can take.
    pub(crate) uid: String,
    pub(crate) ownership: Ownership,
    pub(crate) component: Option<String>,
    pub(crate) team: Option<String>,
    /// True if it holds data.
    pub(crate) data: bool,
    /// True if it is being removed.
    pub(crate) terminating: bool,
    /// The whole object; for a Secret only its metadata.
    pub(crate) live: Value,
}

/// The result of dry-running an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DryRun {
    /// The object as it would be.
    Result(Value),
    /// It does not exist, and the server would create it.
    Created,
    /// Other managers own fields that it would change.
    Conflict(Vec<OwnedField>),
    /// It changes an immutable field.
    Immutable(String),
    /// The server rejects it, with this message.
    Rejected(String),
    /// Its namespace or kind does not exist yet, so no dry run was possible.
    NotYet,
}

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedField {
    /// The path, such as `.spec.replicas`.
    pub(crate) field: String,
    /// The manager, such as `kubectl-edit`.
    pub(crate) manager: String,
}

/// The way in which an object with conflicts is applied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConflictResolution {
    pub(crate) manifest: Value,
    /// True if the fields of other managers in the manifest are taken over.
    pub(crate) force: bool,
    pub(crate) findings: Vec<Finding>,
}

impl ConflictResolution {
    /// Applies the whole object and takes over all fields.
    pub(crate) fn forced(object: &Object) -> Self {
        Self {
            manifest: object.manifest.clone(),
            force: true,
            findings: Vec::new(),
        }
    }
}

impl ObservedObject {
    /// Returns the version of the object, which changes with each write.
    pub(crate) fn version(&self) -> Option<&str> {
        version(&self.live)
    }

    /// Reads an object from the cluster's JSON.
    pub(crate) fn of(reference: Reference, ownership: Ownership, live: Value) -> Self {
        let text = |pointer: &str| {
            live.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let label = |name: &str| label_of(&live, name).map(str::to_owned);
        Self {
            uid: text("/metadata/uid").unwrap_or_default(),
            component: label(label::COMPONENT),
            team: label(label::TEAM),
            data: holds_data(&reference.kind),
            terminating: live.pointer("/metadata/deletionTimestamp").is_some(),
            reference,
            ownership,
            live,
        }
    }
}

/// Returns true if kcc wrote an object. Labels can be copied, but the server itself
/// notes every writer, and kcc writes as a field manager of its own.
pub(crate) fn is_written_by_kcc(live: &Value) -> bool {
    let managers = live.pointer("/metadata/managedFields");
    let managers = managers.and_then(Value::as_array);
    let mut managers = managers.into_iter().flatten();
    managers.any(|entry| entry["manager"] == MANAGER)
}

/// Returns true if a controller made an object and removes it with its owner. Some
/// copy the labels of the owner.
pub(crate) fn has_controller(live: &Value) -> bool {
    let owners = live.pointer("/metadata/ownerReferences");
    let owners = owners.and_then(Value::as_array);
    let mut owners = owners.into_iter().flatten();
    owners.any(|owner| owner["controller"] == true)
}

/// Returns true for kinds that hold data, or unlock it as a generated Secret does.
pub(crate) fn holds_data(kind: &str) -> bool {
    kind == SECRET || kind::holds_data(kind)
}

/// Returns the version of an object, which changes with each write.
pub(crate) fn version(object: &Value) -> Option<&str> {
    object.pointer("/metadata/resourceVersion")?.as_str()
}

/// Returns a label of an object.
pub(crate) fn label_of<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(name)?.as_str()
}

/// The claims that `StatefulSets` create from their templates, as pairs of template
/// and set: `data` and `orders` for `data-orders-0`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Templates(BTreeSet<(String, String)>);

impl Templates {
    /// Adds the templates of an object, if it is a `StatefulSet`.
    pub(crate) fn learn(&mut self, object: &Value) {
        let set = object.pointer("/metadata/name").and_then(Value::as_str);
        let templates = object
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array);
        if let (Some(set), Some(templates)) = (set, templates) {
            let names = templates
                .iter()
                .filter_map(|template| template.pointer("/metadata/name")?.as_str());
            self.0
                .extend(names.map(|name| (name.to_owned(), set.to_owned())));
        }
    }

    /// Returns true if a claim of that name comes from one of the templates.
    pub(crate) fn created(&self, claim: &str) -> bool {
        self.0.iter().any(|(template, set)| {
            claim
                .strip_prefix(template.as_str())
                .and_then(|rest| rest.strip_prefix('-')?.strip_prefix(set.as_str()))
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|number| {
                    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn managed_fields_prove_ownership() {
        let written = |manager: &str| {
            is_written_by_kcc(&json!({"metadata": {"managedFields": [{"manager": manager}]}}))
        };
        assert!(written("kcc"));
        assert!(!written("kubectl-label") && !written("kcc-scale"));
    }

    #[test]
    fn recognises_claims_of_sets_by_name() {
        let mut templates = Templates::default();
        templates.learn(&json!({
            "metadata": {"name": "orders"},
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
        }));
        templates.learn(&json!({"metadata": {"name": "web"}, "spec": {}}));
        assert!(templates.created("data-orders-0") && templates.created("data-orders-12"));
        for other in [
            "data-orders",
            "data-orders-x",
            "data-web-0",
            "logs-orders-0",
            "data-orders-",
        ] {
            assert!(!templates.created(other), "{other}");
        }
    }
}
