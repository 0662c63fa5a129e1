//! [`Cluster`]: the state of the cluster in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicU64},
};

use kcc_lower::kubernetes::Object;
use serde_json::{Value, json};

use super::system::Seeds;
use crate::{
    observed::{Key, MANAGER, Reference, label},
    scale::SCALE_MANAGER,
};

/// The field manager that writes for autoscalers.
pub(super) const CONTROLLER: &str = "kube-controller-manager";

/// A cluster in memory.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) seeds: Seeds,
    /// The number of writes, which also is the time.
    pub(super) clock: u64,
    pub(super) objects: BTreeMap<Key, Stored>,
    /// The time at which a command last observed.
    pub(super) seen: AtomicU64,
    /// True if the kind of the definition is served.
    pub(super) served: AtomicBool,
    /// The number of the value that the provider of the external secret has.
    pub(super) secret: u64,
    /// The objects that kcc created since the last check, with their identities.
    pub(super) created: Vec<(Key, String)>,
    /// The data that kcc removed since the last check.
    pub(super) destroyed: Vec<String>,
    /// The first thing that kcc must never do.
    pub(super) wrong: Option<String>,
}

/// An object in the cluster.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) reference: Reference,
    pub(super) uid: String,
    /// True if kcc, or the cluster for kcc, created it.
    pub(super) own: bool,
    /// The manifest as it was applied last.
    pub(super) applied: Value,
    pub(super) created: u64,
    pub(super) removing: bool,
    /// The field managers of the number of replicas, and the number.
    pub(super) scaled_by: BTreeSet<&'static str>,
    pub(super) replicas: Option<i64>,
    /// The annotations of the pods that restarts leave.
    pub(super) annotations: BTreeMap<String, String>,
    /// The number of the secret's value: of a Secret its own, of a reader the one that
    /// its pods have read.
    pub(super) secret: u64,
    /// The time of the last change of a Secret's value.
    pub(super) changed: Option<u64>,
}

/// Formats a time so that it sorts as a text.
pub(super) fn time(clock: u64) -> String {
    format!("{clock:012}")
}

impl Stored {
    /// Returns the object as the server shows it.
    pub(super) fn live(&self) -> Value {
        let mut live = self.applied.clone();
        live["metadata"]["uid"] = json!(self.uid);
        live["metadata"]["creationTimestamp"] = json!(time(self.created));
        if self.removing {
            live["metadata"]["deletionTimestamp"] = json!("now");
        }
        let mut managers = Vec::new();
        if self.own {
            let mut entry = json!({"manager": MANAGER, "operation": "Apply"});
            if self.scaled_by.contains(MANAGER) {
                entry["fieldsV1"] = json!({"f:spec": {"f:replicas": {}}});
            }
            managers.push(entry);
        }
        for other in [SCALE_MANAGER, CONTROLLER] {
            if self.scaled_by.contains(other) {
                let operation = if other == CONTROLLER {
                    "Update"
                } else {
                    "Apply"
                };
                managers.push(json!({
                    "manager": other,
                    "operation": operation,
                    "fieldsV1": {"f:spec": {"f:replicas": {}}},
                }));
            }
        }
        live["metadata"]["managedFields"] = Value::Array(managers);
        if let Some(replicas) = self.replicas {
            live["spec"]["replicas"] = json!(replicas);
        }
        if !self.annotations.is_empty() {
            live["spec"]["template"]["metadata"]["annotations"] = json!(self.annotations);
        }
        if let Some(changed) = self.changed {
            live["metadata"]["annotations"] = json!({label::SECRET_CHANGED_AT: time(changed)});
        }
        if self.reference.kind == "Job" {
            let doomed = self.applied["spec"]["doomed"] == json!(true);
            let state = if doomed { "Failed" } else { "Complete" };
            live["status"]["conditions"] = json!([{"type": state, "status": "True"}]);
        }
        live
    }

    /// Returns the state after an apply of a manifest.
    pub(super) fn with(&self, manifest: &Value) -> Self {
        let mut next = self.clone();
        next.applied = manifest.clone();
        if let Some(metadata) = next.applied["metadata"].as_object_mut() {
            metadata.remove("uid");
        }
        match manifest.pointer("/spec/replicas").and_then(Value::as_i64) {
            Some(replicas) => {
                next.replicas = Some(replicas);
                next.scaled_by.insert(MANAGER);
            }
            None if next.scaled_by.remove(MANAGER) && next.scaled_by.is_empty() => {
                // A field that nobody sets any more has the server's default.
                next.replicas = next.replicas.map(|_| 1);
            }
            None => {}
        }
        next
    }
}

impl Cluster {
    pub(super) fn stored(&self, object: &Object) -> Option<&Stored> {
        self.objects.get(&Reference::of(object).key())
    }
}
