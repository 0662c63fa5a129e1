//! Decides which workloads must restart because the value of a Secret that they
//! read has changed. Pure.
//!
//! A container reads its environment once, and the cluster does not restart it when
//! a Secret changes. The time of a change is stored on the Secret, and on the pod
//! template of each reader that was restarted for it, under a field manager of its
//! own: a later apply leaves it there, and the next plan notices an apply that was
//! killed between the two. Neither contains the value nor anything derived from it.

use k8s_openapi::jiff::Timestamp;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use serde_json::{Value, json};

use crate::{
    observed::{Observed, ObservedObject, Reference, SECRET, label},
    secrets,
};

/// The workloads whose pods run indefinitely. A job reads its secrets when it runs.
const RUNNING: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Returns true for a workload whose pods run indefinitely.
pub(crate) fn is_running(object: &Object) -> bool {
    RUNNING.contains(&object.kind.as_str())
}

/// Returns the first secret whose change requires a workload to restart.
pub(crate) fn needed(
    kube: &KubernetesDesired,
    observed: &Observed,
    object: &Object,
    existing: &ObservedObject,
) -> Option<String> {
    if !is_running(object) {
        return None;
    }
    let text = |value: &Value, pointer: &str| value.pointer(pointer)?.as_str().map(str::to_owned);
    let created = text(&existing.live, "/metadata/creationTimestamp");
    let started = existing
        .live
        .pointer("/spec/template/metadata/annotations")
        .and_then(|all| all.get(label::SECRET_CHANGED_AT)?.as_str());
    let reads = secrets::referenced(&object.manifest);
    let mut external = kube
        .secrets
        .iter()
        .filter(|secret| secrets::is_external(secret) && reads.contains(&secret.name));
    let found = external.find(|secret| {
        if observed.stale.contains(&secret.name) {
            return true;
        }
        let reference = Reference::core(SECRET, &kube.namespace, &secret.name);
        let changed = observed
            .objects
            .get(&reference.key())
            .and_then(|secret| changed_at(&secret.live));
        // These times sort as texts.
        changed.is_some_and(|changed| {
            started.is_none_or(|started| started < changed)
                && created.as_deref().is_none_or(|created| created < changed)
        })
    });
    found.map(|secret| secret.name.clone())
}

/// Returns the time of the last change of a Secret's value, if there was one.
pub(crate) fn changed_at(secret: &Value) -> Option<&str> {
    let annotations = secret.pointer("/metadata/annotations")?;
    annotations.get(label::SECRET_CHANGED_AT)?.as_str()
}

/// Adds the time of the change to the update of a Secret.
pub(crate) fn note_change(change: &mut Value, at: Timestamp) {
    change["metadata"]["annotations"] = json!({label::SECRET_CHANGED_AT: seconds(at)});
}

/// Builds the patch that restarts the pods of a workload, if its identity still matches.
pub(crate) fn patch(uid: &str, annotation: &str, at: Timestamp) -> Value {
    json!({
        "metadata": {"uid": uid},
        "spec": {"template": {"metadata": {"annotations": {annotation: seconds(at)}}}},
    })
}

/// Formats a time as the cluster does, without fractions of seconds.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use kcc_lower::kubernetes::CreatedSecret;
    use kcc_model::SecretProvider;

    use super::*;
    use crate::observed::Ownership;

    fn web(started: Option<&str>) -> (Object, ObservedObject) {
        let manifest = json!({"spec": {"template": {"spec": {"containers": [{"env": [
            {"name": "T", "valueFrom": {"secretKeyRef": {"name": "token", "key": "value"}}},
        ]}]}}}});
        let mut live = manifest.clone();
        live["metadata"] = json!({"creationTimestamp": "2026-03-01T09:00:00Z"});
        if let Some(started) = started {
            live["spec"]["template"]["metadata"] =
                json!({"annotations": {label::SECRET_CHANGED_AT: started}});
        }
        let object = Object {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
            component: None,
            team: None,
            data: false,
            manifest,
        };
        let existing = ObservedObject::of(Reference::of(&object), Ownership::Owned, live);
        (object, existing)
    }

    fn asked(changed: Option<&str>, started: Option<&str>, stale: bool) -> Option<String> {
        let token = CreatedSecret {
            encoded: false,
            name: "token".to_owned(),
            key: "value".to_owned(),
            provider: SecretProvider::Env("TOKEN".to_owned()),
            shared_from: None,
            component: None,
            team: "storefront".to_owned(),
            labels: std::collections::BTreeMap::new(),
        };
        let kube = KubernetesDesired {
            context: None,
            namespace: "shop".to_owned(),
            objects: Vec::new(),
            secrets: vec![token],
            builds: Vec::new(),
            locked: std::collections::BTreeMap::new(),
        };
        let mut observed = Observed::default();
        let reference = Reference::core(SECRET, "shop", "token");
        let mut live = json!({"metadata": {}});
        if let Some(changed) = changed {
            live["metadata"]["annotations"] = json!({label::SECRET_CHANGED_AT: changed});
        }
        let secret = ObservedObject::of(reference.clone(), Ownership::Owned, live);
        observed.objects.insert(reference.key(), secret);
        if stale {
            observed.stale.insert("token".to_owned());
        }
        let (object, existing) = web(started);
        needed(&kube, &observed, &object, &existing)
    }

    #[test]
    fn readers_restart_once_per_change() {
        let token = Some("token".to_owned());
        let (before, later) = ("2026-03-01T08:00:00Z", "2026-03-01T10:00:00Z");
        assert_eq!(asked(None, None, false), None);
        assert_eq!(asked(None, None, true), token, "it is about to change");
        assert_eq!(
            asked(Some(later), None, false),
            token,
            "the apply was interrupted"
        );
        assert_eq!(asked(Some(later), Some(later), false), None);
        assert_eq!(
            asked(Some(before), None, false),
            None,
            "the reader is newer"
        );
        assert_eq!(asked(Some(later), Some(later), true), token);
    }
}
