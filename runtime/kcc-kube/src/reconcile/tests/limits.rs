//! Tests what the limits of a namespace refuse before the first change.

use super::*;
use crate::observed::Limits;

/// A service of three replicas with requests and limits, and its database.
fn sized() -> KubernetesDesired {
    let mut kube = shop();
    let web = wanted(&mut kube, "Deployment", "web");
    web.manifest["spec"]["replicas"] = json!(3);
    web.manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "512Mi"},
    });
    let migrate = wanted(&mut kube, "Job", "migrate-1");
    migrate.manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({
        "requests": {"cpu": "250m", "memory": "64Mi"},
        "limits": {"memory": "64Mi"},
    });
    let orders = wanted(&mut kube, "StatefulSet", "orders");
    orders.manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({
        "requests": {"cpu": "250m", "memory": "1Gi"},
        "limits": {"memory": "1Gi"},
    });
    orders.manifest["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": {"name": "data"},
        "spec": {"resources": {"requests": {"storage": "2Gi"}}},
    }]);
    kube
}

fn quota(hard: &Value, used: &Value) -> Value {
    json!({"metadata": {"name": "team"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}})
}

/// A cluster with nothing but the limits.
fn empty(limits: Limits) -> Observed {
    Observed {
        limits,
        ..Observed::default()
    }
}

fn messages(kube: &KubernetesDesired, observed: &Observed) -> Vec<String> {
    match reconcile(&desired(kube), kube, observed, &Options::default()) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .refusals
            .into_iter()
            .map(|one| format!("{}: {}: {}", one.code, one.component.unwrap(), one.message))
            .collect(),
    }
}

#[test]
fn an_apply_has_to_fit_into_every_quota() {
    let kube = sized();
    let limited = |hard: Value, used: Value| {
        let limits = Limits {
            quotas: vec![quota(&hard, &used)],
            ..Limits::default()
        };
        messages(&kube, &empty(limits))
    };
    assert_eq!(
        limited(
            json!({"requests.memory": "2Gi", "pods": "4", "requests.cpu": "1"}),
            json!({"requests.memory": "512Mi", "pods": "0", "requests.cpu": "0"})
        ),
        [
            "kcc::plan::quota: orders: quota `team` of namespace `shop` allows 2Gi of \
             `requests.memory`: 512Mi are used, and this apply needs 1.8Gi more (`orders` 1Gi in all)"
        ]
    );
    // A quota may name requests without their prefix, and count objects.
    for (hard, used, resource) in [
        (json!({"memory": "1Gi"}), json!({"memory": "0"}), "memory"),
        (json!({"pods": "3"}), json!({"pods": "0"}), "pods"),
        (
            json!({"count/deployments.apps": "1"}),
            json!({"count/deployments.apps": "1"}),
            "count/deployments.apps",
        ),
        (
            json!({"services": "2"}),
            json!({"services": "1"}),
            "services",
        ),
        (
            json!({"requests.storage": "1Gi"}),
            json!({"requests.storage": "0"}),
            "requests.storage",
        ),
    ] {
        let found = limited(hard, used);
        let named = format!("of `{resource}`");
        assert!(found.len() == 1 && found[0].contains(&named), "{found:?}");
    }
    let fits = json!({"requests.memory": "2Gi", "pods": "4", "services": "2"});
    let none = json!({"requests.memory": "0", "pods": "0", "services": "0"});
    assert!(limited(fits, none).is_empty());
}

#[test]
fn running_pods_make_room_for_their_successors() {
    let kube = sized();
    let mut observed = as_desired(&kube);
    let pod = |component: &str, memory: &str| {
        json!({
            "metadata": {"labels": {label::COMPONENT: component}},
            "spec": {"containers": [{"resources": {"requests": {"memory": memory}}}]},
            "status": {"phase": "Running"},
        })
    };
    observed.limits = Limits {
        quotas: vec![quota(
            &json!({"requests.memory": "1792Mi"}),
            &json!({"requests.memory": "1792Mi"}),
        )],
        pods: [vec![pod("orders", "1Gi")], vec![pod("web", "256Mi"); 3]].concat(),
        ranges: Vec::new(),
    };
    assert!(messages(&kube, &observed).is_empty());
    // More than there was does not fit.
    let mut more = kube.clone();
    wanted(&mut more, "Deployment", "web").manifest["spec"]["replicas"] = json!(4);
    let found = messages(&more, &observed);
    assert!(found[0].starts_with("kcc::plan::quota: web"), "{found:?}");
    // A quota that came later is not the fault of an apply that changes nothing.
    observed.limits.quotas = vec![quota(
        &json!({"requests.memory": "1Gi"}),
        &json!({"requests.memory": "1792Mi"}),
    )];
    assert!(messages(&kube, &observed).is_empty());
    // Quotas with scopes are the cluster's business.
    observed.limits.quotas[0]["spec"]["scopes"] = json!(["BestEffort"]);
    assert!(messages(&more, &observed).is_empty());
}

#[test]
fn a_container_has_to_state_what_a_quota_limits() {
    let kube = shop();
    let limits = |ranges: Vec<Value>| Limits {
        quotas: vec![quota(
            &json!({"limits.memory": "64Gi"}),
            &json!({"limits.memory": "0"}),
        )],
        ranges,
        pods: Vec::new(),
    };
    let found = messages(&kube, &empty(limits(Vec::new())));
    assert_eq!(
        found[0],
        "kcc::plan::quota: web: quota `team` of namespace `shop` requires `limits.memory` of \
         every container, and container `web` of `web` states none"
    );
    let defaults = json!({"metadata": {"name": "sizes"}, "spec": {"limits": [
        {"type": "Container", "default": {"memory": "64Mi"}},
    ]}});
    assert!(messages(&kube, &empty(limits(vec![defaults]))).is_empty());
}

#[test]
fn containers_pods_and_claims_have_to_be_within_a_range() {
    let kube = sized();
    let ranged = |kind: &str, limits: Value| {
        let mut item = limits;
        item["type"] = json!(kind);
        let range = json!({"metadata": {"name": "sizes"}, "spec": {"limits": [item]}});
        let limits = Limits {
            ranges: vec![range],
            ..Limits::default()
        };
        messages(&kube, &empty(limits))
    };
    assert_eq!(
        ranged("Container", json!({"max": {"memory": "768Mi"}})),
        [
            "kcc::plan::limit-range: orders: container `orders` of `orders` has a limit of 1Gi \
             memory, and LimitRange `sizes` of namespace `shop` allows at most 768Mi"
        ]
    );
    assert_eq!(
        ranged("Container", json!({"min": {"cpu": "200m"}})),
        [
            "kcc::plan::limit-range: web: container `web` of `web` requests 0.1 cpu, and \
             LimitRange `sizes` of namespace `shop` allows at least 0.2"
        ]
    );
    assert_eq!(ranged("Pod", json!({"max": {"memory": "768Mi"}})).len(), 1);
    let claims = ranged("PersistentVolumeClaim", json!({"max": {"storage": "1Gi"}}));
    assert!(
        claims[0].contains("volume `data` of `orders`"),
        "{claims:?}"
    );
    let fits = json!({"max": {"memory": "1Gi"}, "min": {"cpu": "100m"}});
    assert!(ranged("Container", fits).is_empty());
}
