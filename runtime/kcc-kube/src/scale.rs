//! Hands the number of replicas over between a fragment and an autoscaler. Pure.
//!
//! A field that its only manager gives up falls back to the server's default: a
//! Deployment with three replicas would run one until its autoscaler acts. The
//! number is therefore handed over to a field manager of its own, from which the
//! autoscaler takes it. When kcc removes an autoscaler, it takes the number back.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::kubernetes::{KubernetesDesired, Object};
use serde_json::{Value, json};

use crate::observed::{Key, MANAGER, ObservedObject, OwnedField, Ownership, Reference};

/// The field manager of a number that waits for its autoscaler.
pub(crate) const SCALE_MANAGER: &str = "kcc-scale";
/// The field manager that writes for autoscalers.
pub(crate) const CONTROLLER: &str = "kube-controller-manager";
pub(crate) const AUTOSCALER: &str = "HorizontalPodAutoscaler";
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

/// Returns true if a conflict is only about a number of replicas that no autoscaler
/// manages any more, or that waited for one, and that the desired state sets again.
/// `autoscalers` are all in the namespace, whoever made them.
pub(crate) fn is_taken_back(
    kube: &KubernetesDesired,
    existing: &BTreeMap<Key, ObservedObject>,
    object: &Object,
    owned_fields: &[OwnedField],
    autoscalers: &[Value],
) -> bool {
    let wanted = kube.objects.iter().any(|other| {
        other.kind == AUTOSCALER && targets(&other.manifest, &object.kind, &object.name)
    });
    let own: BTreeSet<_> = existing
        .values()
        .filter(|other| other.ownership == Ownership::Owned)
        .map(|other| other.uid.as_str())
        .collect();
    let mut others = autoscalers.iter().filter(|other| {
        let uid = other.pointer("/metadata/uid").and_then(Value::as_str);
        !uid.is_some_and(|uid| own.contains(uid))
    });
    let contested = others.any(|other| targets(other, &object.kind, &object.name));
    !wanted
        && owned_fields.iter().all(|owned| {
            owned.field == REPLICAS_FIELD
                && (owned.manager == SCALE_MANAGER || owned.manager == CONTROLLER && !contested)
        })
}

/// Returns true if a conflict is about a number of replicas that an autoscaler has set.
pub(crate) fn is_scaled(owned_fields: &[OwnedField]) -> bool {
    let mut fields = owned_fields.iter();
    fields.any(|owned| owned.field == REPLICAS_FIELD && owned.manager == CONTROLLER)
}

/// Refers to all autoscalers of a namespace.
pub(crate) fn autoscalers(namespace: &str) -> Reference {
    Reference {
        api_version: "autoscaling/v2".to_owned(),
        kind: AUTOSCALER.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: String::new(),
    }
}

/// Returns true if an autoscaler targets an object.
pub(crate) fn targets(autoscaler: &Value, kind: &str, name: &str) -> bool {
    let of = &autoscaler["spec"]["scaleTargetRef"];
    of["kind"] == kind && of["name"] == name
}

/// Returns true if kcc is the only owner of the number of replicas.
fn only_kcc(live: &Value) -> bool {
    let mut owners = owners(live);
    owners.next().is_some_and(is_kcc) && owners.next().is_none()
}

/// Returns the field managers of the number of replicas.
fn owners(live: &Value) -> impl Iterator<Item = &Value> {
    let managers = live.pointer("/metadata/managedFields");
    let managers = managers.and_then(Value::as_array).into_iter().flatten();
    managers.filter(|manager| manager.pointer("/fieldsV1/f:spec/f:replicas").is_some())
}

fn is_kcc(manager: &Value) -> bool {
    manager["manager"] == MANAGER && manager["operation"] == "Apply"
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn takes_back_only_numbers_that_no_autoscaler_manages() {
        let wanted = object("Deployment", "web", &json!({"replicas": 2}));
        let owned = |field: &str, manager: &str| OwnedField {
            field: field.to_owned(),
            manager: manager.to_owned(),
        };
        let mut live = autoscaler().manifest;
        live["metadata"] = json!({"uid": "1"});
        let own = ObservedObject::of(Reference::of(&autoscaler()), Ownership::Owned, live.clone());
        let removed = BTreeMap::from([(own.reference.key(), own)]);
        let none = BTreeMap::new();
        let kube = desired(vec![wanted.clone()]);
        let controller = [owned(REPLICAS_FIELD, CONTROLLER)];
        let back = |kube: &_, existing: &_, owned: &[OwnedField], autoscalers: &[Value]| {
            is_taken_back(kube, existing, &wanted, owned, autoscalers)
        };
        let all = std::slice::from_ref(&live);
        assert!(back(&kube, &removed, &controller, all), "kcc removes it");
        assert!(back(&kube, &none, &controller, &[]), "it is gone");
        assert!(!back(&kube, &none, &controller, all), "it is not kcc's");
        live["spec"]["scaleTargetRef"]["name"] = json!("other");
        assert!(back(&kube, &none, &controller, &[live]));
        let waiting = [owned(REPLICAS_FIELD, SCALE_MANAGER)];
        assert!(back(&kube, &none, &waiting, &[]));
        assert!(!back(
            &kube,
            &none,
            &[owned(REPLICAS_FIELD, "kubectl")],
            &[]
        ));
        let more = [
            owned(REPLICAS_FIELD, CONTROLLER),
            owned(".spec.paused", CONTROLLER),
        ];
        assert!(!back(&kube, &none, &more, &[]));
        let still = desired(vec![wanted.clone(), autoscaler()]);
        assert!(!back(&still, &removed, &controller, &[]));
    }
}
