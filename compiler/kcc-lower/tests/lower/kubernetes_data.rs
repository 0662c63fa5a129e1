//! Single decisions about secrets, data and files on Kubernetes.

use crate::support::{
    ComponentExt as _, System, container, manifest, of_kubernetes, persistent, pod, service,
};
use kcc_lower::{Desired, kubernetes::Object};
use kcc_model::{EnvValue, Ephemeral, Part, SecretProvider, VolumeSource};
use serde_json::json;

fn objects(desired: &Desired) -> &[Object] {
    &of_kubernetes(desired).objects
}

fn only(component: kcc_model::Component) -> Desired {
    System::kubernetes().with(component).desired()
}

#[test]
fn a_template_refers_to_an_earlier_variable_with_the_secret() {
    let url = EnvValue::Template(vec![
        Part::Text("a$(X)".to_owned()),
        Part::Secret("db-key".to_owned()),
        Part::Text("$".to_owned()),
    ]);
    let web = service("web")
        .env("URL", url)
        .text("A", "$(URL) costs $5")
        .text("B", "$5");
    let desired = System::kubernetes()
        .secret("db-key", SecretProvider::Generate {})
        .with(web)
        .desired();
    assert_eq!(
        container(&desired, "Deployment", "web")["env"],
        json!([
            {"name": "KCC_SECRET_DB_KEY", "valueFrom": {"secretKeyRef": {"name": "db-key", "key": "value"}}},
            {"name": "A", "value": "$$(URL) costs $5"},
            {"name": "B", "value": "$5"},
            {"name": "URL", "value": "a$$(X)$(KCC_SECRET_DB_KEY)$$"},
        ])
    );
}

#[test]
fn a_secret_is_existing_or_created() {
    let web = || service("web").env("KEY", EnvValue::Secret("key".to_owned()));
    let there = SecretProvider::Kubernetes {
        name: "stripe".to_owned(),
        key: "api".to_owned(),
        encoded_key: None,
    };
    let desired = System::kubernetes()
        .secret("key", there)
        .with(web())
        .desired();
    let reference =
        &container(&desired, "Deployment", "web")["env"][0]["valueFrom"]["secretKeyRef"];
    assert_eq!(*reference, json!({"name": "stripe", "key": "api"}));
    assert!(of_kubernetes(&desired).secrets.is_empty());

    let desired = System::kubernetes()
        .secret("key", SecretProvider::Generate {})
        .with(web())
        .desired();
    let generated = &of_kubernetes(&desired).secrets;
    assert_eq!((generated.len(), generated[0].name.as_str()), (1, "key"));
    assert_eq!(generated[0].labels["app.kubernetes.io/managed-by"], "kcc");
    assert!(
        objects(&desired)
            .iter()
            .all(|object| object.kind != "Secret"),
        "none is rendered"
    );

    for provider in [
        SecretProvider::Env("X".to_owned()),
        SecretProvider::File("x".to_owned()),
        SecretProvider::Command(vec!["x".to_owned()]),
    ] {
        let desired = System::kubernetes()
            .secret("key", provider.clone())
            .with(web())
            .desired();
        let brought = &of_kubernetes(&desired).secrets;
        assert_eq!(
            (brought[0].name.as_str(), &brought[0].provider),
            ("key", &provider)
        );
        assert!(
            objects(&desired)
                .iter()
                .all(|object| object.kind != "Secret"),
            "none is rendered"
        );
    }
}

#[test]
fn stateful_replicas_are_a_stateful_set() {
    let mut db = service("db")
        .port("sql", 5432)
        .volume("data", "/data", persistent(1 << 30));
    (db.stateful, db.replicas) = (true, 2);
    let desired = only(db);
    let set = manifest(&desired, "StatefulSet", "db");
    assert_eq!(set["spec"]["serviceName"], "db");
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "data");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi");
    assert_eq!(
        manifest(&desired, "Service", "db")["spec"]["clusterIP"],
        "None"
    );
    assert!(
        objects(&desired)
            .iter()
            .all(|object| object.kind != "PersistentVolumeClaim")
    );
}

#[test]
fn a_deployment_with_a_claim_is_recreated() {
    let desired = only(service("web").volume("data", "/data", persistent(1 << 20)));
    assert_eq!(
        manifest(&desired, "Deployment", "web")["spec"]["strategy"]["type"],
        "Recreate"
    );
    let claim = objects(&desired)
        .iter()
        .find(|object| object.name == "web-data")
        .expect("a claim");
    assert!(claim.data, "it holds data");
    let plain = only(service("web"));
    assert_eq!(
        manifest(&plain, "Deployment", "web")["spec"]["strategy"]["rollingUpdate"],
        json!({"maxSurge": 1, "maxUnavailable": 0})
    );
}

#[test]
fn files_are_mounted_one_by_one_and_change_the_pod() {
    let annotation = |content: &str| {
        let desired = only(service("web").file("/etc/app.toml", content));
        let map = manifest(&desired, "ConfigMap", "web-files");
        assert_eq!(map["data"], json!({"etc_app.toml": content}));
        let mount = &container(&desired, "Deployment", "web")["volumeMounts"][0];
        assert_eq!(mount["mountPath"], "/etc/app.toml");
        assert_eq!(mount["subPath"], "etc_app.toml");
        pod(&desired, "Deployment", "web")["metadata"]["annotations"]["kcc.dev/config-hash"].clone()
    };
    assert!(annotation("a").is_string());
    assert_ne!(annotation("a"), annotation("b"));
}

#[test]
fn mounts_each_kind_of_volume() {
    let web = service("web")
        .volume("tmp", "/tmp", VolumeSource::Ephemeral(Ephemeral::default()))
        .volume("conf", "/conf", VolumeSource::Config("app".to_owned()))
        .volume("keys", "/keys", VolumeSource::Secret("key".to_owned()));
    let desired = System::kubernetes()
        .config("app", &[("mode", "on")])
        .secret("key", SecretProvider::Generate {})
        .with(web)
        .desired();
    assert_eq!(
        pod(&desired, "Deployment", "web")["spec"]["volumes"],
        json!([
            {"name": "conf", "configMap": {"name": "app"}},
            {"name": "keys", "secret": {"secretName": "key", "items": [{"key": "value", "path": "key"}]}},
            {"name": "tmp", "emptyDir": {}},
        ])
    );
}
