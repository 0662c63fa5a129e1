//! Instances of a target: they share no name with it, and a label names them.

use kcc_lower::docker::Mount;
use kcc_model::{
    AccessRule, EnvValue, Expose, Kind, Permissions, RawObject, Route, SecretProvider, Until,
};
use kcc_tree::Path;
use serde_json::json;

use crate::support::{
    ComponentExt as _, System, job, manifest, of_docker, of_kubernetes, persistent, service,
};

#[test]
fn docker_objects_get_names_labels_and_ports_of_their_own() {
    let web = service("web")
        .exposed("http", 8080, Expose::Port(80))
        .needs("db", Until::Started);
    let db = service("db")
        .port("sql", 5432)
        .volume("data", "/data", persistent(1));
    let mut seed = job("seed", 0);
    if let Kind::Job(run) = &mut seed.kind {
        run.completions = 2;
    }
    let system = || {
        System::docker()
            .with(web.clone())
            .with(db.clone())
            .with(seed.clone())
    };
    let desired = system().instance("ann");
    let docker = of_docker(&desired);
    assert_eq!(desired.instance.as_deref(), Some("ann"));
    let names: Vec<_> = docker
        .containers
        .keys()
        .chain(docker.volumes.keys())
        .collect();
    assert_eq!(
        names,
        [
            "shop-dev.ann-db",
            "shop-dev.ann-seed",
            "shop-dev.ann-seed-2",
            "shop-dev.ann-web",
            "shop-dev.ann-db-data"
        ]
    );
    let networks: Vec<_> = docker.networks.keys().collect();
    assert_eq!(networks, ["shop-dev.ann", "shop-dev.ann-db"]);
    let db = &docker.containers["shop-dev.ann-db"];
    assert_eq!(
        db.mounts["/data"],
        Mount::Volume("shop-dev.ann-db-data".to_owned())
    );
    assert_eq!(db.networks["shop-dev.ann-db"], ["db"]);
    assert_eq!(
        docker.containers["shop-dev.ann-seed-2"].after,
        ["shop-dev.ann-seed"]
    );
    // The plain target holds the port.
    assert_eq!(docker.containers["shop-dev.ann-web"].ports[0].host, None);
    let plain = system().desired();
    let plain = &of_docker(&plain).containers["shop-dev-web"];
    assert_eq!(plain.ports[0].host, Some(80));
    assert!(!plain.labels.contains_key("dev.kcc.instance"));
    for labels in [
        docker
            .containers
            .values()
            .map(|object| &object.labels)
            .collect::<Vec<_>>(),
        docker
            .networks
            .values()
            .map(|object| &object.labels)
            .collect(),
        docker
            .volumes
            .values()
            .map(|object| &object.labels)
            .collect(),
    ]
    .concat()
    {
        assert_eq!(labels["dev.kcc.instance"], "ann");
    }
}

#[test]
fn kubernetes_objects_move_to_a_namespace_without_routes() {
    let mut web = service("web").port("http", 8080);
    let route = Route {
        host: "shop.example.com".to_owned(),
        path: "/".to_owned(),
        port: "http".to_owned(),
        tls: None,
    };
    web.routes.insert("www".to_owned(), route);
    let permissions = Permissions {
        groups: vec![String::new()],
        resources: vec!["nodes".to_owned()],
        verbs: vec!["get".to_owned()],
    };
    let rule = AccessRule {
        cluster: true,
        permissions,
    };
    web.identity.rules.insert("nodes".to_owned(), rule);
    let system = || System::kubernetes().with(web.clone()).granting();
    let kinds = |desired: &kcc_lower::Desired| {
        let objects = of_kubernetes(desired).objects.iter();
        objects
            .map(|object| object.kind.clone())
            .collect::<Vec<_>>()
    };
    assert!(kinds(&system().desired()).contains(&"Ingress".to_owned()));
    let desired = system().instance("ann");
    assert!(!kinds(&desired).contains(&"Ingress".to_owned()));
    assert_eq!(of_kubernetes(&desired).namespace, "shop-dev-ann");
    for object in &of_kubernetes(&desired).objects {
        assert_eq!(
            object.manifest["metadata"]["labels"]["kcc.dev/instance"],
            "ann"
        );
        let namespace = object.namespace.as_deref();
        assert!(
            namespace.is_none_or(|own| own == "shop-dev-ann"),
            "{object:?}"
        );
    }
    manifest(&desired, "Namespace", "shop-dev-ann");
    let binding = manifest(&desired, "ClusterRoleBinding", "shop-dev-ann-web");
    assert_eq!(binding["roleRef"]["name"], "shop-dev-ann-web");
    assert_eq!(binding["subjects"][0]["namespace"], "shop-dev-ann");
    // Selectors are the same in every namespace.
    let deployment = manifest(&desired, "Deployment", "web");
    let selector = deployment["spec"]["selector"]["matchLabels"]
        .as_object()
        .unwrap();
    assert!(!selector.contains_key("kcc.dev/instance"), "{selector:?}");
}

#[test]
fn raw_objects_move_with_the_service_accounts_they_refer_to() {
    let mut system = System::kubernetes().with(service("web"));
    let raw = |kind: &str, name: &str, fields: serde_json::Value| {
        let mut manifest = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
        });
        let fields = fields.as_object().unwrap().clone();
        manifest.as_object_mut().unwrap().extend(fields);
        RawObject {
            name: name.to_owned(),
            team: "shop".to_owned(),
            path: Path::of(["objects", name]),
            manifest,
        }
    };
    let role = |kind: &str, name: &str| json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}});
    let mut binding = role("ClusterRole", "shop-dev-reader");
    binding["subjects"] = json!([
        {"kind": "ServiceAccount", "name": "web", "namespace": "shop-dev"},
        {"kind": "ServiceAccount", "name": "agent", "namespace": "monitoring"},
    ]);
    for object in [
        raw("ClusterRole", "shop-dev-reader", json!({"rules": []})),
        raw("ClusterRoleBinding", "shop-dev-reader-web", binding),
        raw("Role", "local", json!({"rules": []})),
    ] {
        system.target().objects.insert(object.name.clone(), object);
    }
    let desired = system.instance("ann");
    manifest(&desired, "ClusterRole", "shop-dev-ann-reader");
    let binding = manifest(&desired, "ClusterRoleBinding", "shop-dev-ann-reader-web");
    assert_eq!(binding["roleRef"]["name"], "shop-dev-ann-reader");
    assert_eq!(binding["subjects"][0]["namespace"], "shop-dev-ann");
    assert_eq!(binding["subjects"][1]["namespace"], "monitoring");
    let local = manifest(&desired, "Role", "local");
    assert_eq!(local["metadata"]["namespace"], "shop-dev-ann");
}

/// A client that needs a database with a generated password.
fn with_password(system: System) -> System {
    let secret = |name: &str| EnvValue::Secret(name.to_owned());
    let mut db = service("db").port("sql", 5432);
    db.stateful = true;
    db.container
        .env
        .insert("PASSWORD".to_owned(), secret("db-password"));
    let mut web = service("web")
        .port("http", 8080)
        .needs("db", Until::Started);
    web.container
        .env
        .insert("DB_PASSWORD".to_owned(), secret("db-password"));
    system
        .with(web)
        .with(db)
        .secret("db-password", SecretProvider::Generate {})
}

#[test]
fn a_shared_component_of_docker_is_reached_over_the_network_of_the_target() {
    let desired = with_password(System::docker()).instance_sharing("ann", &["db"]);
    let docker = of_docker(&desired);
    let names: Vec<_> = docker.containers.keys().collect();
    assert_eq!(names, ["shop-dev.ann-web"]);
    assert!(docker.networks.is_empty(), "{:?}", docker.networks);
    let web = &docker.containers["shop-dev.ann-web"];
    let networks: Vec<_> = web.networks.keys().collect();
    assert_eq!(networks, ["shop-dev-db"]);
    assert!(!desired.components.contains_key("db"));
    assert!(desired.components["web"].after.is_empty());
    assert_eq!(desired.shared["db"].path, "services.db");
    assert!(desired.shared_secrets().contains(&"db-password".to_owned()));
}

#[test]
fn a_shared_component_of_kubernetes_is_reached_through_the_services_of_the_target() {
    let desired = with_password(System::kubernetes()).instance_sharing("ann", &["db"]);
    let of_db: Vec<_> = of_kubernetes(&desired)
        .objects
        .iter()
        .filter(|object| object.name.starts_with("db"))
        .map(|object| {
            (
                object.kind.as_str(),
                object.namespace.as_deref().unwrap(),
                object.name.as_str(),
            )
        })
        .collect();
    assert_eq!(
        of_db,
        [
            ("NetworkPolicy", "shop-dev", "db.ann"),
            ("Service", "shop-dev-ann", "db"),
        ]
    );
    let service = manifest(&desired, "Service", "db");
    assert_eq!(service["spec"]["type"], "ExternalName");
    assert_eq!(
        service["spec"]["externalName"],
        "db.shop-dev.svc.cluster.local"
    );
    let admits = manifest(&desired, "NetworkPolicy", "db.ann");
    let namespace = |name: &str| json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    let from = &admits["spec"]["ingress"][0]["from"][0];
    assert_eq!(from["namespaceSelector"], namespace("shop-dev-ann"));
    assert_eq!(admits["metadata"]["labels"]["kcc.dev/instance"], "ann");
    let own = manifest(&desired, "NetworkPolicy", "web");
    let to = &own["spec"]["egress"][0]["to"][0];
    assert_eq!(to["namespaceSelector"], namespace("shop-dev"));
    let secret = &of_kubernetes(&desired).secrets[0];
    assert_eq!(secret.shared_from.as_deref(), Some("shop-dev"));
}

#[test]
fn what_cannot_be_shared_is_an_error() {
    let system = System::docker()
        .with(service("reader").port("http", 8080))
        .with(service("worker"))
        .with(job("seed", 0));
    assert_eq!(
        system.sharing_errors(&["raeder", "worker", "seed"]),
        [
            "kcc::lower::unshareable: `dev` has no component `raeder` to share",
            "kcc::lower::unshareable: `jobs.seed` cannot be shared: it is a job, which serves \
             nobody",
            "kcc::lower::unshareable: `services.worker` cannot be shared: it has no port to \
             connect to",
        ]
    );
}
