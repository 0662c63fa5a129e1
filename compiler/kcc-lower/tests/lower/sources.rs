//! Tests the sources of rendered fields: the tables know every field of the shop on
//! both engines and return the right paths.

use kcc_lower::{
    Desired,
    source::{Rendered, Source, objects},
};
use kcc_model::{SecretProvider, TargetModel};
use kcc_tree::Path;

use crate::support::{System, shop::shop};

/// Lowers a system and returns it with the model of its target.
fn lowered(system: System, stripe: SecretProvider) -> (TargetModel, Desired) {
    let mut system = shop(system, stripe);
    (system.target().clone(), system.desired())
}

fn docker() -> (TargetModel, Desired) {
    lowered(System::docker(), SecretProvider::Env("STRIPE".to_owned()))
}

fn kubernetes() -> (TargetModel, Desired) {
    let provider = SecretProvider::Kubernetes {
        name: "stripe".to_owned(),
        key: "api".to_owned(),
        encoded_key: None,
    };
    lowered(System::kubernetes(), provider)
}

fn find<'a>(objects: &'a [Rendered], kind: &str, name: &str) -> &'a Rendered {
    let mut of_kind = objects.iter().filter(|object| object.kind == kind);
    of_kind
        .find(|object| object.component.as_deref() == Some(name))
        .expect("the object is there")
}

fn path(text: &str) -> Path {
    Path(text.split('.').map(str::to_owned).collect())
}

/// Returns the first model path of a field, or the reason why kcc sets it.
fn first(target: &TargetModel, object: &Rendered, field: &str) -> String {
    let (field, _) = object.find(&path(field)).expect("the field is there");
    match object.source(target, &field).expect("it has a source") {
        Source::Model(paths) => paths[0].to_string(),
        Source::Kcc(why) => format!("kcc: {why}"),
    }
}

#[test]
fn every_field_of_every_object_has_a_source() {
    let mut missing = Vec::new();
    for (target, desired) in [docker(), kubernetes()] {
        for object in objects(&desired) {
            for (field, _) in object.leaves(&Path::default()) {
                if object.source(&target, &field).is_none() {
                    missing.push(format!("{}/{}:{field}", object.kind, object.name));
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "say in `src/source` where these come from:\n{}",
        missing.join("\n")
    );
}

#[test]
fn fields_of_kubernetes_objects_follow_the_model() {
    let (target, desired) = kubernetes();
    let objects = objects(&desired);
    let cart = find(&objects, "deployment", "cart");
    for (field, expected) in [
        ("spec.replicas", "services.cart.replicas"),
        (
            "spec.template.spec.containers.cart.env.MODE.valueFrom.configMapKeyRef.key",
            "services.cart.env.MODE",
        ),
        (
            "spec.template.spec.containers.0.resources.limits.memory",
            "services.cart.resources.limits.memory",
        ),
        (
            "spec.template.spec.containers.0.startupProbe.tcpSocket.port",
            "services.cart.health.startup.tcp",
        ),
        (
            "spec.template.spec.containers.0.volumeMounts./data.mountPath",
            "services.cart.volumes.data",
        ),
        (
            "spec.template.spec.containers.0.ports.http.containerPort",
            "services.cart.ports.http.number",
        ),
        (
            "spec.revisionHistoryLimit",
            "kcc: kcc keeps three revisions for rollbacks",
        ),
    ] {
        assert_eq!(first(&target, cart, field), expected, "{field}");
    }
    let cart = find(&objects, "networkpolicy", "cart");
    for (rule, expected) in [
        ("spec.egress.0.ports.0.port", "services.cart.needs.mail"),
        ("spec.egress.1.ports.0.port", "services.cart.needs.orders"),
        ("spec.ingress.0.ports.0.port", "services.cart.ports"),
    ] {
        assert_eq!(first(&target, cart, rule), expected, "{rule}");
    }
    let agent = find(&objects, "networkpolicy", "agent");
    assert_eq!(
        first(&target, agent, "spec.egress.0.ports.1.port"),
        "services.agent.identity.rules"
    );
    let orders = find(&objects, "statefulset", "orders");
    assert_eq!(
        first(
            &target,
            orders,
            "spec.volumeClaimTemplates.0.spec.resources.requests.storage"
        ),
        "backing.orders.volumes.data.size"
    );
}

#[test]
fn fields_of_containers_follow_the_model() {
    let (target, desired) = docker();
    let objects = objects(&desired);
    let cart = find(&objects, "container", "cart");
    for (field, expected) in [
        ("memory", "services.cart.resources.limits.memory"),
        ("env.MODE.literal", "services.cart.env.MODE"),
        ("health.intervalMs", "services.cart.health.readiness.period"),
        ("stopTimeout", "services.cart.rollout.gracePeriod"),
        ("ports.0.container", "services.cart.ports.http.number"),
    ] {
        assert_eq!(first(&target, cart, field), expected, "{field}");
    }
}
