//! What a cluster holds of one target, in types of kcc's own, so that
//! reconciling needs neither a cluster nor its library.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use kcc_lower::kubernetes::Object;
use serde_json::Value;

use crate::conflict::Sent;

/// Labels by which kcc knows its own objects again.
pub(crate) mod label {
    pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    pub(crate) const SYSTEM: &str = "app.kubernetes.io/part-of";
    pub(crate) const TARGET: &str = "app.kubernetes.io/instance";
    pub(crate) const COMPONENT: &str = "app.kubernetes.io/name";
    pub(crate) const TEAM: &str = "kcc.dev/team";
    /// The isolated copy of a target that an object belongs to.
    pub(crate) const INSTANCE: &str = "kcc.dev/instance";
}

pub(crate) const NAMESPACE: &str = "Namespace";
pub(crate) const CLAIM: &str = "PersistentVolumeClaim";
pub(crate) const SECRET: &str = "Secret";
/// What brings kinds: without it all their objects are gone.
pub(crate) const DEFINITION: &str = "CustomResourceDefinition";

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    /// None for what is cluster-scoped.
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

    /// An object of the core API inside a namespace.
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

/// Identity of an object within a target, whatever the version of its API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// What a cluster holds of one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// kcc's record of the target is there.
    pub(crate) recorded: bool,
    /// Every object of the target, and every other whose name is wanted.
    pub(crate) objects: BTreeMap<Key, ObservedObject>,
    /// What the server would make of each object that is desired.
    pub(crate) trials: BTreeMap<Key, Trial>,
    /// The Secrets that hold another value than whoever applies has.
    pub(crate) stale: BTreeSet<String>,
    /// What is sent of the objects of which others own fields.
    pub(crate) sent: BTreeMap<Key, Sent>,
    /// Why the namespace cannot go, such as an object of somebody else's in it;
    /// asked for only where it is to be removed.
    pub(crate) strangers: Vec<String>,
}

/// Whose an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It carries the target's labels, and the inventory knows it.
    Ours,
    /// It carries the target's labels, but nothing says that kcc made it.
    Claimed,
    /// It does not carry them.
    Foreign,
}

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct ObservedObject {
    pub(crate) reference: Reference,
    /// The cluster's identity of it, which no other object can take.
    pub(crate) uid: String,
    pub(crate) ownership: Ownership,
    pub(crate) component: Option<String>,
    pub(crate) team: Option<String>,
    /// Holds data.
    pub(crate) data: bool,
    /// It is being removed.
    pub(crate) terminating: bool,
    /// All of it; of a Secret only its metadata.
    pub(crate) live: Value,
}

/// What the server would make of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trial {
    /// The whole object afterwards.
    Result(Value),
    /// It is not there, and the server would make it.
    Created,
    /// Others own fields to which it gives another value.
    Conflict(Vec<Claim>),
    /// It changes what can never change.
    Immutable(String),
    /// The server takes it for wrong, in its own words.
    Refused(String),
    /// Its namespace or its kind is not there yet, so nothing could be tried.
    NotYet,
}

/// A field that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Such as `.spec.replicas`.
    pub(crate) field: String,
    /// Such as `kubectl-edit`.
    pub(crate) manager: String,
}

impl ObservedObject {
    /// The version of the object: another one for each change of it.
    pub(crate) fn version(&self) -> Option<&str> {
        self.live.pointer("/metadata/resourceVersion")?.as_str()
    }

    /// Reads an object that the cluster gave.
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

/// Kinds that hold data whoever made them: a generated Secret opens it.
pub(crate) fn holds_data(kind: &str) -> bool {
    matches!(
        kind,
        NAMESPACE | CLAIM | SECRET | DEFINITION | "PersistentVolume"
    )
}

/// A label of an object.
pub(crate) fn label_of<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(name)?.as_str()
}

/// Names of the claims that `StatefulSets` make from their templates, as in
/// `data-orders-0`, told by template and set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Templates(BTreeSet<(String, String)>);

impl Templates {
    /// Learns the templates of an object, if it is a `StatefulSet`.
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

    /// Whether a claim of that name comes from one of them.
    pub(crate) fn made(&self, claim: &str) -> bool {
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
    fn claims_of_sets_are_known_by_their_names() {
        let mut templates = Templates::default();
        templates.learn(&json!({
            "metadata": {"name": "orders"},
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
        }));
        templates.learn(&json!({"metadata": {"name": "web"}, "spec": {}}));
        assert!(templates.made("data-orders-0") && templates.made("data-orders-12"));
        for other in [
            "data-orders",
            "data-orders-x",
            "data-web-0",
            "logs-orders-0",
            "data-orders-",
        ] {
            assert!(!templates.made(other), "{other}");
        }
    }
}
