//! Hands the number of replicas over between a fragment and an autoscaler. Pure.
//!
//! A field that its only manager gives up falls back to the server's default: a
//! Deployment with three replicas would run one until its autoscaler acts. The
//! number is therefore handed over to a field manager of its own, from which the
//! autoscaler takes it. When kcc removes an autoscaler, it takes the number back.

use std::collections::BTreeMap;

use kcc_lower::kubernetes::{KubernetesDesired, Object};
use serde_json::{Value, json};

use crate::observed::{Key, MANAGER, ObservedObject, OwnedField, Ownership};

/// The field manager of a number that waits for its autoscaler.
pub(crate) const SCALE_MANAGER: &str = "kcc-scale";
/// The field manager that writes for autoscalers.
const CONTROLLER: &str = "kube-controller-manager";
const AUTOSCALER: &str = "HorizontalPodAutoscaler";
const REPLICAS: &str = "/spec/replicas";
const REPLICAS_FIELD: &str = ".spec.replicas";

/// Returns the live number of replicas, if only kcc has set it so far and a desired
/// autoscaler will set it from now on.
pub(crate) fn hand_over(
    kube: &KubernetesDesired,
    object: &Object,
    existing: &ObservedObject,
) -> Option<i64> {
    let autoscaled = kube
        .objects
        .iter()
        .filter(|other| other.kind == AUTOSCALER)
        .any(|other| targets(&other.manifest, &object.kind, &object.name));
    if !autoscaled || object.manifest.pointer(REPLICAS).is_some() || !only_kcc(&existing.live) {
        return None;
    }
    existing.live.pointer(REPLICAS)?.as_i64()
}

/// Builds the manifest to apply as the waiting field manager.
pub(crate) fn replicas_manifest(object: &Object, replicas: i64) -> Value {
    json!({
        "apiVersion": object.api_version,
        "kind": object.kind,
        "metadata": {"name": object.name, "namespace": object.namespace},
        "spec": {"replicas": replicas},
    })
}

/// Returns true if a conflict is only about a number of replicas that kcc's own
/// autoscaler left, or waited for, and that the desired state sets again.
pub(crate) fn is_taken_back(
    kube: &KubernetesDesired,
    existing: &BTreeMap<Key, ObservedObject>,
    object: &Object,
    owned_fields: &[OwnedField],
) -> bool {
    let wanted = kube.objects.iter().any(|other| {
        other.kind == AUTOSCALER && targets(&other.manifest, &object.kind, &object.name)
    });
    let left = existing.values().any(|other| {
        other.reference.kind == AUTOSCALER
            && other.ownership == Ownership::Owned
            && targets(&other.live, &object.kind, &object.name)
    });
    !wanted
        && owned_fields.iter().all(|owned| {
            owned.field == REPLICAS_FIELD
                && (owned.manager == SCALE_MANAGER || owned.manager == CONTROLLER && left)
        })
}

/// Returns true if an autoscaler targets an object.
fn targets(autoscaler: &Value, kind: &str, name: &str) -> bool {
    let of = &autoscaler["spec"]["scaleTargetRef"];
    of["kind"] == kind && of["name"] == name
}

/// Returns true if kcc is the only owner of the number of replicas.
fn only_kcc(live: &Value) -> bool {
    let managers = live.pointer("/metadata/managedFields");
    let managers = managers.and_then(Value::as_array).into_iter().flatten();
    let mut owners = managers.filter(|manager| {
        let field = manager.pointer("/fieldsV1/f:spec/f:replicas");
        field.is_some()
    });
    let own = |manager: &Value| manager["manager"] == MANAGER && manager["operation"] == "Apply";
    owners.next().is_some_and(own) && owners.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Reference;

    fn object(kind: &str, name: &str, spec: &Value) -> Object {
        Object {
            api_version: "apps/v1".to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
            component: None,
            team: None,
            data: false,
            manifest: json!({"spec": spec}),
        }
    }

    fn autoscaler() -> Object {
        let of = json!({"scaleTargetRef": {"kind": "Deployment", "name": "web"}});
        object(AUTOSCALER, "web", &of)
    }

    fn existing(object: &Object, owners: &[(&str, &str)]) -> ObservedObject {
        let owners: Vec<_> = owners
            .iter()
            .map(|(manager, operation)| {
                json!({
                    "manager": manager,
                    "operation": operation,
                    "fieldsV1": {"f:spec": {"f:replicas": {}}},
                })
            })
            .collect();
        let mut live = object.manifest.clone();
        live["metadata"] = json!({"managedFields": owners});
        ObservedObject::of(Reference::of(object), Ownership::Owned, live)
    }

    fn desired(objects: Vec<Object>) -> KubernetesDesired {
        KubernetesDesired {
            context: None,
            namespace: "shop".to_owned(),
            objects,
            secrets: Vec::new(),
            builds: Vec::new(),
            locked: BTreeMap::new(),
        }
    }

    #[test]
    fn hands_the_number_to_an_autoscaler_once() {
        let runs = object("Deployment", "web", &json!({"replicas": 3}));
        let wanted = object("Deployment", "web", &json!({}));
        let kube = desired(vec![autoscaler(), wanted.clone()]);
        let kcc = existing(&runs, &[("kcc", "Apply")]);
        assert_eq!(hand_over(&kube, &wanted, &kcc), Some(3));
        let scaled = existing(&runs, &[("kcc", "Apply"), (SCALE_MANAGER, "Apply")]);
        assert_eq!(hand_over(&kube, &wanted, &scaled), None);
        let others = existing(&runs, &[(CONTROLLER, "Update")]);
        assert_eq!(hand_over(&kube, &wanted, &others), None);
        // Without an autoscaler, or with a number that the object still sets.
        assert_eq!(hand_over(&desired(Vec::new()), &wanted, &kcc), None);
        assert_eq!(hand_over(&kube, &runs, &kcc), None);
    }

    #[test]
    fn takes_back_only_numbers_of_kccs_autoscalers() {
        let wanted = object("Deployment", "web", &json!({"replicas": 2}));
        let owned = |field: &str, manager: &str| OwnedField {
            field: field.to_owned(),
            manager: manager.to_owned(),
        };
        let own = existing(&autoscaler(), &[]);
        let autoscalers = BTreeMap::from([(own.reference.key(), own)]);
        let none = BTreeMap::new();
        let kube = desired(vec![wanted.clone()]);
        let controller = [owned(REPLICAS_FIELD, CONTROLLER)];
        assert!(is_taken_back(&kube, &autoscalers, &wanted, &controller));
        assert!(!is_taken_back(&kube, &none, &wanted, &controller));
        assert!(is_taken_back(
            &kube,
            &none,
            &wanted,
            &[owned(REPLICAS_FIELD, SCALE_MANAGER)]
        ));
        assert!(!is_taken_back(
            &kube,
            &autoscalers,
            &wanted,
            &[owned(REPLICAS_FIELD, "kubectl")]
        ));
        let more = [
            owned(REPLICAS_FIELD, CONTROLLER),
            owned(".spec.paused", CONTROLLER),
        ];
        assert!(!is_taken_back(&kube, &autoscalers, &wanted, &more));
        let still = desired(vec![wanted.clone(), autoscaler()]);
        assert!(!is_taken_back(&still, &autoscalers, &wanted, &controller));
    }
}
