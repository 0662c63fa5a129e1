//! Which workloads have to start again because the value of a Secret that they
//! read has changed. Pure.
//!
//! A container reads its environment once, and the cluster does not start it
//! again when a Secret changes. The time of a change is kept at the Secret, and
//! at the pod template of each reader that was started again for it, under a
//! field manager of its own: a later apply leaves it there, and an apply that
//! was killed between the two is seen by the next plan. The value appears in
//! neither, nor anything that could be computed from it.

use k8s_openapi::jiff::Timestamp;
use kcc_lower::kubernetes::{KubernetesDesired, Object};
use serde_json::{Value, json};

use crate::{
    observed::{Observed, ObservedObject, Reference, SECRET},
    secrets,
};

/// The annotation with the time of the last change.
const CHANGED_AT: &str = "kcc.dev/secret-changed-at";
/// Workloads whose pods run for ever. A job reads its secrets when it runs.
const RUNNING: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// The first secret for whose value a workload has to start again.
pub(crate) fn needed(
    kube: &KubernetesDesired,
    observed: &Observed,
    object: &Object,
    there: &ObservedObject,
) -> Option<String> {
    if !RUNNING.contains(&object.kind.as_str()) {
        return None;
    }
    let text = |value: &Value, pointer: &str| value.pointer(pointer)?.as_str().map(str::to_owned);
    let created = text(&there.live, "/metadata/creationTimestamp");
    let started = there
        .live
        .pointer("/spec/template/metadata/annotations")
        .and_then(|all| all.get(CHANGED_AT)?.as_str());
    let reads = secrets::named(&object.manifest);
    let mut brought = kube
        .secrets
        .iter()
        .filter(|secret| secrets::is_brought(secret) && reads.contains(&secret.name));
    let found = brought.find(|secret| {
        if observed.stale.contains(&secret.name) {
            return true;
        }
        let reference = Reference::core(SECRET, &kube.namespace, &secret.name);
        let changed = observed
            .objects
            .get(&reference.key())
            .and_then(|secret| changed_at(&secret.live));
        // Times of one form are in the order of their texts.
        changed.is_some_and(|changed| {
            started.is_none_or(|started| started < changed)
                && created.as_deref().is_none_or(|created| created < changed)
        })
    });
    found.map(|secret| secret.name.clone())
}

/// When the value of a Secret last changed, if it ever did.
pub(crate) fn changed_at(secret: &Value) -> Option<&str> {
    let annotations = secret.pointer("/metadata/annotations")?;
    annotations.get(CHANGED_AT)?.as_str()
}

/// Notes the change in what changes a Secret.
pub(crate) fn note_change(change: &mut Value, at: Timestamp) {
    change["metadata"]["annotations"] = json!({CHANGED_AT: seconds(at)});
}

/// What starts the pods of a workload again, if it is still that one.
pub(crate) fn patch(uid: &str, at: Timestamp) -> Value {
    json!({
        "metadata": {"uid": uid},
        "spec": {"template": {"metadata": {"annotations": {CHANGED_AT: seconds(at)}}}},
    })
}

/// A time in the cluster's own form, which knows no parts of seconds.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use kcc_lower::kubernetes::MadeSecret;
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
            live["spec"]["template"]["metadata"] = json!({"annotations": {CHANGED_AT: started}});
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
        let there = ObservedObject::of(Reference::of(&object), Ownership::Ours, live);
        (object, there)
    }

    fn asked(changed: Option<&str>, started: Option<&str>, stale: bool) -> Option<String> {
        let token = MadeSecret {
            encoded: false,
            name: "token".to_owned(),
            key: "value".to_owned(),
            provider: SecretProvider::Env("TOKEN".to_owned()),
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
        };
        let mut observed = Observed::default();
        let reference = Reference::core(SECRET, "shop", "token");
        let mut live = json!({"metadata": {}});
        if let Some(changed) = changed {
            live["metadata"]["annotations"] = json!({CHANGED_AT: changed});
        }
        let secret = ObservedObject::of(reference.clone(), Ownership::Ours, live);
        observed.objects.insert(reference.key(), secret);
        if stale {
            observed.stale.insert("token".to_owned());
        }
        let (object, there) = web(started);
        needed(&kube, &observed, &object, &there)
    }

    #[test]
    fn readers_start_again_once_for_each_change() {
        let token = Some("token".to_owned());
        let (before, later) = ("2026-03-01T08:00:00Z", "2026-03-01T10:00:00Z");
        assert_eq!(asked(None, None, false), None);
        assert_eq!(asked(None, None, true), token, "it will change");
        assert_eq!(asked(Some(later), None, false), token, "it was interrupted");
        assert_eq!(asked(Some(later), Some(later), false), None);
        assert_eq!(asked(Some(before), None, false), None, "it is newer");
        assert_eq!(asked(Some(later), Some(later), true), token);
    }
}
