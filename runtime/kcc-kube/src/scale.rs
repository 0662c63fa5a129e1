//! Who says how many replicas run, where that changes between a fragment and an
//! autoscaler. Pure.
//!
//! A field that its only owner gives up falls back to the server's default: a
//! Deployment that ran three would run one until its autoscaler looks. So the
//! number is handed over to a field manager of its own, which the autoscaler
//! takes it from. When an autoscaler of kcc's own goes, its number is taken back.

use std::collections::BTreeMap;

use kcc_lower::kubernetes::{KubernetesDesired, Object};
use serde_json::{Value, json};

use crate::{
    client::MANAGER,
    observed::{Claim, Key, ObservedObject, Ownership},
};

/// The field manager of a number that waits for its autoscaler.
pub(crate) const WAITING: &str = "kcc-scale";
/// The one that writes for autoscalers.
const CONTROLLER: &str = "kube-controller-manager";
const AUTOSCALER: &str = "HorizontalPodAutoscaler";
const REPLICAS: &str = "/spec/replicas";
const CLAIMED: &str = ".spec.replicas";

/// The number that an object runs with and an autoscaler of the desired state
/// will rule, where kcc alone has said it so far.
pub(crate) fn hand_over(
    kube: &KubernetesDesired,
    object: &Object,
    there: &ObservedObject,
) -> Option<i64> {
    let autoscaled = kube
        .objects
        .iter()
        .filter(|other| other.kind == AUTOSCALER)
        .any(|other| rules(&other.manifest, &object.kind, &object.name));
    if !autoscaled || object.manifest.pointer(REPLICAS).is_some() || !only_kcc(&there.live) {
        return None;
    }
    there.live.pointer(REPLICAS)?.as_i64()
}

/// What is sent as the manager that waits.
pub(crate) fn waiting(object: &Object, replicas: i64) -> Value {
    json!({
        "apiVersion": object.api_version,
        "kind": object.kind,
        "metadata": {"name": object.name, "namespace": object.namespace},
        "spec": {"replicas": replicas},
    })
}

/// Whether a conflict is about nothing but a number that an autoscaler of kcc's
/// own has left, or waited for, and that the desired state says itself again.
pub(crate) fn taken_back(
    kube: &KubernetesDesired,
    there: &BTreeMap<Key, ObservedObject>,
    object: &Object,
    claims: &[Claim],
) -> bool {
    let wanted = kube.objects.iter().any(|other| {
        other.kind == AUTOSCALER && rules(&other.manifest, &object.kind, &object.name)
    });
    let left = there.values().any(|other| {
        other.reference.kind == AUTOSCALER
            && other.ownership == Ownership::Ours
            && rules(&other.live, &object.kind, &object.name)
    });
    !wanted
        && claims.iter().all(|claim| {
            claim.field == CLAIMED
                && (claim.manager == WAITING || claim.manager == CONTROLLER && left)
        })
}

/// Whether an autoscaler rules an object.
fn rules(autoscaler: &Value, kind: &str, name: &str) -> bool {
    let of = &autoscaler["spec"]["scaleTargetRef"];
    of["kind"] == kind && of["name"] == name
}

/// Whether the number of replicas has one owner, which is kcc.
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

    fn there(object: &Object, owners: &[(&str, &str)]) -> ObservedObject {
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
        ObservedObject::of(Reference::of(object), Ownership::Ours, live)
    }

    fn desired(objects: Vec<Object>) -> KubernetesDesired {
        KubernetesDesired {
            context: None,
            namespace: "shop".to_owned(),
            objects,
            secrets: Vec::new(),
            builds: Vec::new(),
        }
    }

    #[test]
    fn the_number_of_an_autoscaler_is_handed_over_once() {
        let runs = object("Deployment", "web", &json!({"replicas": 3}));
        let wanted = object("Deployment", "web", &json!({}));
        let kube = desired(vec![autoscaler(), wanted.clone()]);
        let kcc = there(&runs, &[("kcc", "Apply")]);
        assert_eq!(hand_over(&kube, &wanted, &kcc), Some(3));
        let scaled = there(&runs, &[("kcc", "Apply"), (WAITING, "Apply")]);
        assert_eq!(hand_over(&kube, &wanted, &scaled), None);
        let others = there(&runs, &[(CONTROLLER, "Update")]);
        assert_eq!(hand_over(&kube, &wanted, &others), None);
        // One that no autoscaler rules, or that still says it itself.
        assert_eq!(hand_over(&desired(Vec::new()), &wanted, &kcc), None);
        assert_eq!(hand_over(&kube, &runs, &kcc), None);
    }

    #[test]
    fn only_what_an_autoscaler_of_kcc_has_left_is_taken_back() {
        let wanted = object("Deployment", "web", &json!({"replicas": 2}));
        let claim = |field: &str, manager: &str| Claim {
            field: field.to_owned(),
            manager: manager.to_owned(),
        };
        let own = there(&autoscaler(), &[]);
        let ours = BTreeMap::from([(own.reference.key(), own)]);
        let none = BTreeMap::new();
        let kube = desired(vec![wanted.clone()]);
        let controller = [claim(CLAIMED, CONTROLLER)];
        assert!(taken_back(&kube, &ours, &wanted, &controller));
        assert!(!taken_back(&kube, &none, &wanted, &controller));
        assert!(taken_back(
            &kube,
            &none,
            &wanted,
            &[claim(CLAIMED, WAITING)]
        ));
        assert!(!taken_back(
            &kube,
            &ours,
            &wanted,
            &[claim(CLAIMED, "kubectl")]
        ));
        let more = [
            claim(CLAIMED, CONTROLLER),
            claim(".spec.paused", CONTROLLER),
        ];
        assert!(!taken_back(&kube, &ours, &wanted, &more));
        let still = desired(vec![wanted.clone(), autoscaler()]);
        assert!(!taken_back(&still, &ours, &wanted, &controller));
    }
}
