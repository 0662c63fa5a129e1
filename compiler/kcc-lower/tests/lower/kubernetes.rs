//! Single decisions of lowering to Kubernetes. `golden.rs` tests a whole system.

use std::collections::BTreeSet;

use crate::support::{
    ComponentExt as _, System, container, job, manifest, of_kubernetes, persistent, pod, probe,
    service, shop::shop,
};
use kcc_lower::{Desired, kubernetes::Object};
use kcc_model::{Bytes, Check, Millis, Profile, Route, SecretProvider};
use serde_json::{Value, json};

fn whole_shop() -> Desired {
    let provider = SecretProvider::Kubernetes {
        name: "stripe".to_owned(),
        key: "api".to_owned(),
        encoded_key: None,
    };
    shop(System::kubernetes(), provider).desired()
}

fn objects(desired: &Desired) -> &[Object] {
    &of_kubernetes(desired).objects
}

fn only(component: kcc_model::Component) -> Desired {
    System::kubernetes().with(component).desired()
}

/// Returns the pod specs of all workloads, with the workloads' names.
fn pods(desired: &Desired) -> Vec<(String, Value)> {
    objects(desired)
        .iter()
        .filter(|object| {
            ["Deployment", "DaemonSet", "StatefulSet", "Job"].contains(&object.kind.as_str())
        })
        .map(|object| {
            (
                object.name.clone(),
                object.manifest["spec"]["template"].clone(),
            )
        })
        .collect()
}

#[test]
fn a_shop_has_objects_of_every_kind() {
    let desired = whole_shop();
    let kinds: BTreeSet<_> = objects(&desired)
        .iter()
        .map(|object| object.kind.as_str())
        .collect();
    let all = [
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "CronJob",
        "DaemonSet",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "Namespace",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
    assert_eq!(objects(&desired)[0].kind, "Namespace");
}

#[test]
fn every_object_has_the_recommended_labels() {
    let desired = whole_shop();
    for object in objects(&desired) {
        let labels = &object.manifest["metadata"]["labels"];
        let has = |label: &str, value: &str| {
            assert_eq!(
                labels[label], value,
                "{label} of {} {}",
                object.kind, object.name
            );
        };
        has("app.kubernetes.io/part-of", "shop");
        has("app.kubernetes.io/instance", "dev");
        has("app.kubernetes.io/managed-by", "kcc");
        if let Some(team) = &object.team {
            has("kcc.dev/team", team);
        }
        if let Some(component) = &object.component {
            has("app.kubernetes.io/name", component);
            assert!(
                labels["app.kubernetes.io/component"].is_string(),
                "{}",
                object.name
            );
        }
    }
    assert_eq!(
        manifest(&desired, "StatefulSet", "orders")["metadata"]["labels"]["app.kubernetes.io/component"],
        "postgres"
    );
}

#[test]
fn declared_labels_never_replace_those_of_kcc() {
    let mut web = service("web");
    web.labels
        .insert("app.kubernetes.io/name".to_owned(), "other".to_owned());
    web.labels.insert("tier".to_owned(), "front".to_owned());
    let desired = only(web);
    let labels = &pod(&desired, "Deployment", "web")["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/name"], "web");
    assert_eq!(labels["tier"], "front");
    let selector = &manifest(&desired, "Deployment", "web")["spec"]["selector"]["matchLabels"];
    assert!(
        selector.get("tier").is_none(),
        "a selector can never change"
    );
}

#[test]
fn only_privileged_containers_keep_capabilities_and_may_escalate() {
    let context = |change: fn(&mut kcc_model::Security)| {
        let mut web = service("web");
        change(&mut web.container.security);
        let desired = System::kubernetes().with(web).granting().desired();
        container(&desired, "Deployment", "web")["securityContext"].clone()
    };
    let privileged = context(|security| security.privileged = true);
    assert_eq!(privileged, serde_json::json!({"privileged": true}));
    let admin = context(|security| security.add_capabilities = vec!["SYS_ADMIN".to_owned()]);
    assert!(admin.get("allowPrivilegeEscalation").is_none());
    assert_eq!(admin["capabilities"]["drop"], serde_json::json!(["ALL"]));
    let net = context(|security| security.add_capabilities = vec!["NET_RAW".to_owned()]);
    assert_eq!(net["allowPrivilegeEscalation"], false);
}

#[test]
fn every_pod_is_restricted() {
    let desired = whole_shop();
    let pods = pods(&desired);
    assert_eq!(pods.len(), 6);
    for (name, pod) in pods {
        let spec = &pod["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(
            spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        assert_eq!(
            spec["automountServiceAccountToken"],
            name == "agent",
            "{name}: only what has rights gets a token"
        );
        for container in spec["containers"].as_array().expect("containers") {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{name}");
        }
    }
}

#[test]
fn the_images_user_can_write_its_volumes() {
    let context =
        |component| pod(&only(component), "Deployment", "web")["spec"]["securityContext"].clone();
    let unnamed = context(service("web").volume("data", "/data", persistent(1)));
    assert!(unnamed.get("runAsUser").is_none());
    assert_eq!(unnamed["runAsNonRoot"], true);
    assert_eq!(unnamed["fsGroup"], 65532, "any group works");
    assert!(context(service("web")).get("fsGroup").is_none());
    let with = |user: &str, profile| {
        let mut web = service("web").volume("data", "/data", persistent(1));
        web.container.user = Some(user.to_owned());
        web.container.security.profile = profile;
        context(web)
    };
    let own = with("1000:2000", Profile::Restricted);
    let [user, group, volumes] = ["runAsUser", "runAsGroup", "fsGroup"].map(|field| &own[field]);
    assert_eq!(
        (user, group, volumes),
        (&json!(1000), &json!(2000), &json!(2000))
    );
    let root = with("0", Profile::Baseline);
    assert_eq!(root["runAsUser"], 0);
    assert!(root.get("runAsNonRoot").is_none() && root.get("fsGroup").is_none());
    let mut named = service("web");
    named.container.user = Some("nginx".to_owned());
    assert_eq!(
        System::kubernetes().with(named).errors(),
        [
            "kcc::lower::unsupported: Kubernetes requires a numeric user, but \
          `services.web.user` is `nginx`"
        ]
    );
}

#[test]
fn baseline_keeps_the_default_capabilities_except_dropped_ones() {
    let context = |drop: &[&str]| {
        let mut web = service("web");
        let security = &mut web.container.security;
        security.profile = Profile::Baseline;
        security.drop_capabilities = drop.iter().map(|name| (*name).to_owned()).collect();
        let pod = pod(&only(web), "Deployment", "web");
        pod["spec"]["containers"][0]["securityContext"].clone()
    };
    assert_eq!(context(&[]), json!({}));
    assert_eq!(
        context(&["NET_RAW"]),
        json!({"capabilities": {"drop": ["NET_RAW"]}})
    );
}

#[test]
fn a_changed_job_is_a_new_object() {
    let name = |retries| {
        let desired = only(job("migrate", retries));
        let job = objects(&desired)
            .iter()
            .find(|object| object.kind == "Job")
            .expect("a job")
            .clone();
        assert_eq!(job.manifest["spec"]["backoffLimit"], retries);
        assert_eq!(
            job.manifest["spec"]["template"]["spec"]["restartPolicy"],
            "Never"
        );
        job.name
    };
    assert!(name(1).starts_with("migrate-"));
    assert_eq!(name(1), name(1));
    assert_ne!(name(1), name(2));
}

#[test]
fn probes_count_in_whole_seconds() {
    let mut web = service("web");
    web.container.health.readiness = Some(kcc_model::Probe {
        delay: Millis(1500),
        period: Millis(100),
        timeout: Millis(2000),
        failures: 5,
        ..probe(Check::Grpc { port: 9000 })
    });
    let desired = only(web);
    assert_eq!(
        container(&desired, "Deployment", "web")["readinessProbe"],
        json!({
            "grpc": {"port": 9000}, "initialDelaySeconds": 2, "periodSeconds": 1,
            "timeoutSeconds": 2, "failureThreshold": 5,
        })
    );
}

#[test]
fn a_route_is_an_ingress_with_an_existing_certificate() {
    let routed = |provider| {
        let mut web = service("web").port("http", 80);
        web.routes.insert(
            "shop".to_owned(),
            Route {
                host: "shop.example".to_owned(),
                path: "/api".to_owned(),
                port: "http".to_owned(),
                tls: Some("cert".to_owned()),
            },
        );
        System::kubernetes().secret("cert", provider).with(web)
    };
    let there = SecretProvider::Kubernetes {
        name: "shop-cert".to_owned(),
        key: "tls.crt".to_owned(),
        encoded_key: None,
    };
    let ingress = manifest(&routed(there).desired(), "Ingress", "web");
    assert_eq!(
        ingress["spec"]["tls"],
        json!([{"hosts": ["shop.example"], "secretName": "shop-cert"}])
    );
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!(
        (&path["path"], &path["backend"]["service"]["name"]),
        (&json!("/api"), &json!("web"))
    );
    assert_eq!(
        routed(SecretProvider::Generate {}).errors(),
        ["kcc::lower::unsupported: certificate `cert` is not an existing Secret of the cluster"]
    );
}

#[test]
fn rejects_what_an_api_server_would_reject() {
    let errors = |component| System::kubernetes().with(component).errors();
    let long = "a".repeat(53);
    let found = errors(service(&long));
    assert!(
        found[0].contains("a name can have at most 52 characters"),
        "{found:?}"
    );
    let found = errors(service("1web").port("http", 80));
    assert!(
        found[0].contains("a host name has to start with a letter"),
        "{found:?}"
    );
    let found = errors(service("web").file("/x", &"x".repeat((1 << 20) + 1)));
    assert!(
        found[0].contains("can have at most 1048576 bytes"),
        "{found:?}"
    );
    let clash = System::kubernetes()
        .config("web-files", &[("a", "b")])
        .with(service("web").file("/x", "1"));
    let found = clash.errors();
    assert_eq!(
        found,
        ["kcc::lower::name-clash: duplicate ConfigMap `web-files`"]
    );
}

#[test]
fn an_external_backing_has_no_object() {
    let desired = whole_shop();
    assert!(objects(&desired).iter().all(|object| object.name != "mail"));
    assert!(!desired.components.contains_key("mail"));
}

#[test]
fn does_not_manage_the_namespace_default() {
    let system = System::on(kcc_model::EngineTarget::Kubernetes {
        context: None,
        namespace: "default".to_owned(),
        ingress_class: None,
        gateway: None,
        gateway_class: None,
        public_ports: kcc_model::PublicPorts::default(),
        gpu: "nvidia.com/gpu".to_owned(),
    });
    let desired = system.with(service("web")).desired();
    assert!(
        objects(&desired)
            .iter()
            .all(|object| object.kind != "Namespace")
    );
}

#[test]
fn formats_amounts_as_the_api_server_does() {
    let mut web = service("web");
    web.container.resources.limits.memory = Some(Bytes(1536 << 20));
    web.container.resources.requests.cpu = Some(kcc_model::MilliCpu(2000));
    let desired = only(web);
    assert_eq!(
        container(&desired, "Deployment", "web")["resources"],
        json!({"limits": {"memory": "1536Mi"}, "requests": {"cpu": "2"}})
    );
}
