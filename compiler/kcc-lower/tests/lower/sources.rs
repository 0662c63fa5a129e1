//! Tests the sources of rendered fields: lowering records one for every field of the
//! shop on both engines, with the right paths.

use kcc_lower::source::{Rendered, Source};
use kcc_model::{RawObject, SecretProvider};
use kcc_tree::Path;

use crate::support::{System, service, shop::shop};

fn docker() -> Vec<Rendered> {
    let provider = SecretProvider::Env("STRIPE".to_owned());
    shop(System::docker(), provider).lowered().objects()
}

fn kubernetes() -> Vec<Rendered> {
    let provider = SecretProvider::Kubernetes {
        name: "stripe".to_owned(),
        key: "api".to_owned(),
        encoded_key: None,
    };
    shop(System::kubernetes(), provider).lowered().objects()
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
fn first(object: &Rendered, field: &str) -> String {
    let (field, _) = object.find(&path(field)).expect("the field is there");
    match object.source(&field).expect("it has a source") {
        Source::Model(paths) => paths[0].to_string(),
        Source::Kcc(why) => format!("kcc: {why}"),
    }
}

#[test]
fn every_field_of_every_object_has_a_source() {
    let mut missing = Vec::new();
    for object in [docker(), kubernetes()].concat() {
        for (field, _) in object.leaves(&Path::default()) {
            if object.source(&field).is_none() {
                missing.push(format!("{}/{}:{field}", object.kind, object.name));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "record where these come from:\n{}",
        missing.join("\n")
    );
}

#[test]
fn fields_of_kubernetes_objects_follow_the_model() {
    let objects = kubernetes();
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
        assert_eq!(first(cart, field), expected, "{field}");
    }
    let cart = find(&objects, "networkpolicy", "cart");
    for (rule, expected) in [
        ("spec.egress.0.ports.0.port", "services.cart.needs.mail"),
        ("spec.egress.1.ports.0.port", "services.cart.needs.orders"),
        ("spec.ingress.0.ports.0.port", "services.cart.ports"),
    ] {
        assert_eq!(first(cart, rule), expected, "{rule}");
    }
    let agent = find(&objects, "networkpolicy", "agent");
    assert_eq!(
        first(agent, "spec.egress.0.ports.1.port"),
        "services.agent.identity.rules"
    );
    let orders = find(&objects, "statefulset", "orders");
    assert_eq!(
        first(
            orders,
            "spec.volumeClaimTemplates.0.spec.resources.requests.storage"
        ),
        "backing.orders.volumes.data.size"
    );
}

#[test]
fn fields_of_containers_follow_the_model() {
    let objects = docker();
    let cart = find(&objects, "container", "cart");
    for (field, expected) in [
        ("memory", "services.cart.resources.limits.memory"),
        ("env.MODE.literal", "services.cart.env.MODE"),
        ("health.intervalMs", "services.cart.health.readiness.period"),
        ("stopTimeout", "services.cart.rollout.gracePeriod"),
        ("ports.0.container", "services.cart.ports.http.number"),
    ] {
        assert_eq!(first(cart, field), expected, "{field}");
    }
}

#[test]
fn raw_objects_and_what_an_operator_reads_follow_the_model() {
    let external = SecretProvider::External {
        store: "vault".to_owned(),
        kind: "SecretStore".to_owned(),
        key: "shop/stripe".to_owned(),
    };
    let mut system = shop(System::kubernetes(), external);
    let path = Path::of(["objects", "quota"]);
    let manifest = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "spec": {"hard": {"requests.memory": "16Gi"}},
    });
    let raw = RawObject {
        name: "quota".to_owned(),
        team: "shop".to_owned(),
        path,
        manifest,
    };
    system.target().objects.insert("quota".to_owned(), raw);
    let objects = system.lowered().objects();
    for object in &objects {
        for (field, _) in object.leaves(&Path::default()) {
            assert!(object.source(&field).is_some(), "{}:{field}", object.kind);
        }
    }
    let of_kind = |kind| objects.iter().find(|object| object.kind == kind);
    let quota = of_kind("resourcequota").expect("the object is there");
    let memory = Path::of(["spec", "hard", "requests.memory"]);
    let Some(Source::Model(paths)) = quota.source(&memory) else {
        panic!("it follows the model");
    };
    assert_eq!(
        paths[0].to_string(),
        "objects.quota.spec.hard.\"requests.memory\""
    );
    assert_eq!(
        first(quota, "metadata.namespace"),
        "system.targets.dev.kubernetes.namespace"
    );
    let secret = of_kind("externalsecret").expect("the object is there");
    assert_eq!(
        first(secret, "spec.data.0.remoteRef.key"),
        "secrets.stripe-key.external.key".replace("stripe-key", "\"stripe-key\"")
    );
}

#[test]
fn a_patch_replaces_the_sources_of_what_it_sets() {
    let mut system = System::kubernetes().with(service("web"));
    let side = serde_json::json!({
        "name": "side",
        "image": "acme/side:1.0.0",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    let patch = serde_json::json!({
        "metadata": {"labels": {"kcc.dev/team": "others", "tier": "front"}},
        "spec": {
            "replicas": 4,
            "template": {"spec": {"containers": [side, {"name": "web", "tty": true}]}},
        },
    });
    let patches = [("deployment".to_owned(), patch)].into();
    system.target().patches.insert("web".to_owned(), patches);
    let objects = system.lowered().objects();
    let web = find(&objects, "deployment", "web");
    for (field, expected) in [
        (
            "spec.replicas",
            "services.web.kubernetes.deployment.spec.replicas",
        ),
        (
            "spec.template.spec.containers.web.tty",
            "services.web.kubernetes.deployment.spec.template.spec.containers.1.tty",
        ),
        (
            "spec.template.spec.containers.side.name",
            "services.web.kubernetes.deployment.spec.template.spec.containers.0.name",
        ),
        (
            "spec.template.spec.containers.web.image",
            "services.web.image",
        ),
        (
            "metadata.labels.tier",
            "services.web.kubernetes.deployment.metadata.labels.tier",
        ),
    ] {
        assert_eq!(first(web, field), expected, "{field}");
    }
    let team = Path::of(["metadata", "labels", "kcc.dev/team"]);
    assert!(matches!(web.source(&team), Some(Source::Kcc(_))));
}
