//! Single decisions of lowering to a Docker engine. `golden.rs` tests a whole system.

use crate::support::{ComponentExt as _, System, job, of_docker, persistent, pod, probe, service};
use kcc_lower::Desired;
use kcc_lower::docker::{Container, Mount, Publish, Restart};
use kcc_model::{
    Check, Component, EnvValue, Expose, Millis, Part, Profile, Route, SecretProvider, Until,
    VolumeSource,
};

fn container<'a>(desired: &'a Desired, name: &str) -> &'a Container {
    let containers = &of_docker(desired).containers;
    containers
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {:?}", containers.keys()))
}

fn lowered(component: kcc_model::Component) -> Container {
    let name = format!("shop-dev-{}", component.name);
    container(&System::docker().with(component).desired(), &name).clone()
}

#[test]
fn a_name_resolves_only_for_components_that_need_it() {
    let desired = System::docker()
        .with(service("web").needs("cart", Until::Started))
        .with(
            service("cart")
                .port("http", 8080)
                .needs("log", Until::Started),
        )
        .with(service("ads").needs("cart", Until::Started))
        .with(service("log"))
        .with(job("seed", 3))
        .desired();
    let networks: Vec<_> = of_docker(&desired).networks.keys().collect();
    // `log` has no ports, so nothing can connect to it.
    assert_eq!(networks, ["shop-dev", "shop-dev-cart"]);
    let of = |name: &str| {
        let all = &container(&desired, &format!("shop-dev-{name}")).networks;
        let all = all
            .iter()
            .map(|(name, aliases)| format!("{name} {aliases:?}"));
        all.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(of("cart"), "shop-dev-cart [\"cart\"]");
    for name in ["web", "ads"] {
        assert_eq!(of(name), "shop-dev-cart []");
    }
    for name in ["log", "seed"] {
        assert_eq!(of(name), "shop-dev []");
    }
}

/// A field that an upgrade of kcc adds is left out of the hash where it is not
/// used, or the upgrade replaces every container.
#[test]
fn a_container_keeps_its_hash_across_versions() {
    let plain = lowered(service("web").port("http", 8080));
    assert_eq!(
        plain.config_hash(),
        "994f30dd1d63c67132be20f64424b7258fe62a1458388aa92ce9494d4838d615"
    );
    let full = lowered(
        service("db")
            .text("LEVEL", "info")
            .args(&["--verbose"])
            .port("sql", 5432),
    );
    assert_eq!(
        full.config_hash(),
        "17d5f997caab860bc5cc0b640a91f4240ae168e3f880c12db13ec1b71525f0af"
    );
}

fn with_aliases() -> Component {
    let mut web = service("web")
        .init("warm", &["warm"])
        .sidecar("proxy", "acme/proxy:1", 9000);
    for (name, address) in [
        ("db.internal", "10.0.0.7"),
        ("cache.internal", "10.0.0.8"),
        ("old-db.internal", "10.0.0.7"),
        ("six.internal", "fd00::1"),
    ] {
        let address = address.parse().expect("an address");
        web.host_aliases.insert(name.to_owned(), address);
    }
    web
}

#[test]
fn host_aliases_are_in_the_containers_with_a_network_of_their_own() {
    let desired = System::docker().with(with_aliases()).desired();
    let web = container(&desired, "shop-dev-web");
    let aliases = with_aliases().host_aliases;
    assert_eq!(web.host_aliases, aliases);
    assert_eq!(web.init[0].container.host_aliases, aliases);
    assert!(
        container(&desired, "shop-dev-web_proxy")
            .host_aliases
            .is_empty()
    );
}

#[test]
fn a_patch_cannot_replace_host_aliases() {
    let mut system = System::docker().with(with_aliases());
    let patch = serde_json::json!({"HostConfig": {"ExtraHosts": ["else:10.0.0.9"]}});
    system
        .target()
        .docker_patches
        .insert("web".to_owned(), patch);
    assert_eq!(
        system.errors(),
        [
            "kcc::lower::managed-field: `services.web.docker.HostConfig.ExtraHosts` is set by kcc, \
          since `services.web` has `hostAliases`"
        ]
    );
}

#[test]
fn kubernetes_groups_host_aliases_by_address() {
    let lowered = System::kubernetes().with(with_aliases()).lowered();
    let pod = pod(&lowered.desired, "Deployment", "web");
    assert_eq!(
        pod["spec"]["hostAliases"],
        serde_json::json!([
            {"ip": "10.0.0.7", "hostnames": ["db.internal", "old-db.internal"]},
            {"ip": "10.0.0.8", "hostnames": ["cache.internal"]},
            {"ip": "fd00::1", "hostnames": ["six.internal"]},
        ])
    );
    let objects = lowered.objects();
    let web = objects.iter().find(|object| object.kind == "deployment");
    let field = |names: &[&str]| {
        let template = ["spec", "template", "spec", "hostAliases"];
        let names = template.iter().chain(names).map(|name| (*name).to_owned());
        kcc_tree::Path(names.collect())
    };
    for (names, alias) in [
        (&["0", "hostnames", "1"][..], "old-db.internal"),
        (&["1", "ip"], "cache.internal"),
    ] {
        let source = web.and_then(|web| web.source(&field(names)));
        let Some(kcc_lower::source::Source::Model(paths)) = source else {
            panic!("it follows the model");
        };
        let expected = kcc_tree::Path::of(["services", "web", "hostAliases", alias]);
        assert_eq!(paths[0], expected);
    }
}

#[test]
fn stateful_replicas_reach_each_other() {
    let mut store = service("store").port("http", 8080);
    store.stateful = true;
    store.replicas = 2;
    let desired = System::docker().with(store).desired();
    for name in ["shop-dev-store", "shop-dev-store-2"] {
        assert_eq!(
            container(&desired, name).networks["shop-dev-store"],
            ["store"]
        );
    }
}

#[test]
fn expands_variables_in_arguments() {
    let web = service("web").text("CART_URL", "http://cart:8080").args(&[
        "--call=$(CART_URL)",
        "$$(CART_URL)",
        "$5",
    ]);
    let args = lowered(web).args.expect("arguments");
    assert_eq!(args, ["--call=http://cart:8080", "$(CART_URL)", "$5"]);
}

#[test]
fn rejects_a_secret_in_an_argument() {
    let secret = EnvValue::Template(vec![
        Part::Text("x".to_owned()),
        Part::Secret("key".to_owned()),
    ]);
    let web = service("web")
        .env("KEY", secret)
        .args(&["--key=$(KEY)", "$(KEY)"]);
    let system = System::docker()
        .secret("key", SecretProvider::Generate {})
        .with(web);
    assert_eq!(
        system.errors(),
        [
            "kcc::lower::unsupported: `$(KEY)` in `services.web.args` contains a secret, and Docker \
          shows args to everyone"
        ]
    );
}

#[test]
fn exposes_every_replica_on_a_free_port() {
    let mut web = service("web")
        .exposed("admin", 90, Expose::Free)
        .port("inner", 100);
    web.replicas = 2;
    let desired = System::docker().with(web).desired();
    for name in ["shop-dev-web", "shop-dev-web-2"] {
        let publish = Publish {
            container: 90,
            protocol: "tcp",
            host: None,
            address: None,
        };
        assert_eq!(container(&desired, name).ports, [publish]);
    }
    let one = service("web").exposed("http", 80, Expose::Port(8080));
    assert_eq!(lowered(one).ports[0].host, Some(8080));
}

#[test]
fn publishes_the_port_of_a_route() {
    let mut web = service("web").port("http", 80);
    let route = Route {
        host: "x.example".to_owned(),
        path: "/".to_owned(),
        port: "http".to_owned(),
        tls: None,
    };
    web.routes.insert("x".to_owned(), route);
    assert_eq!(
        lowered(web).ports,
        [Publish {
            container: 80,
            protocol: "tcp",
            host: None,
            address: None,
        }]
    );
}

#[test]
fn stateful_replicas_have_own_volumes_and_others_share_one() {
    let replicas = |name, stateful| {
        let source = VolumeSource::Persistent {
            size: kcc_model::Bytes(1),
            access: kcc_model::Access::ReadWriteMany,
            class: None,
        };
        let mut component = service(name).volume("data", "/data", source);
        (component.replicas, component.stateful) = (2, stateful);
        component
    };
    let desired = System::docker()
        .with(replicas("each", true))
        .with(replicas("all", false))
        .desired();
    let volume = |name| container(&desired, name).mounts["/data"].clone();
    assert_eq!(
        volume("shop-dev-each-2"),
        Mount::Volume("shop-dev-each-data-2".to_owned())
    );
    assert_eq!(
        volume("shop-dev-all-2"),
        Mount::Volume("shop-dev-all-data".to_owned())
    );
    let volumes: Vec<_> = of_docker(&desired).volumes.keys().collect();
    assert_eq!(
        volumes,
        [
            "shop-dev-all-data",
            "shop-dev-each-data",
            "shop-dev-each-data-2"
        ]
    );
}

#[test]
fn reports_colliding_names() {
    let mut web = service("web");
    web.replicas = 2;
    let errors = System::docker().with(web).with(service("web-2")).errors();
    assert_eq!(
        errors,
        [
            "kcc::lower::name-clash: a container of `services.\"web-2\"` has the same name as \
             another one"
        ]
    );
}

#[test]
fn the_restart_policy_follows_the_kind() {
    assert_eq!(lowered(service("a")).restart, Restart::UnlessStopped);
    assert_eq!(lowered(job("a", 0)).restart, Restart::No);
    assert_eq!(lowered(job("a", 3)).restart, Restart::OnFailure(3));
}

#[test]
fn health_is_readiness_after_the_startup_time() {
    let mut web = service("web").http_health("/ready", 80);
    web.container.health.startup = Some(kcc_model::Probe {
        delay: Millis(500),
        failures: 4,
        ..probe(Check::Tcp { port: 80 })
    });
    let health = lowered(web).health.expect("a check");
    assert_eq!(
        health.check,
        Check::Http {
            path: "/ready".to_owned(),
            port: 80
        }
    );
    assert_eq!(health.start_period_ms, 4500);
    assert!(lowered(service("web")).health.is_none());
}

#[test]
fn rejects_root_unless_the_profile_allows_it() {
    let user = |user: Option<&str>, profile| {
        let mut web = service("web");
        web.container.user = user.map(str::to_owned);
        web.container.security.profile = profile;
        System::docker().with(web)
    };
    for root in ["0", "root", "0:0", "root:1000"] {
        assert_eq!(
            user(Some(root), Profile::Restricted).errors(),
            [
                "kcc::lower::unsupported: `services.web` runs as root, which its profile `restricted` forbids"
            ],
            "{root}"
        );
        user(Some(root), Profile::Baseline).desired();
    }
    for profile in [Profile::Restricted, Profile::Baseline] {
        let user = |name| {
            container(&user(name, profile).desired(), "shop-dev-web")
                .user
                .clone()
        };
        assert_eq!(user(None), None, "the image decides");
        assert_eq!(user(Some("nginx")).as_deref(), Some("nginx"));
    }
}

#[test]
fn inlines_configs_and_not_secrets() {
    let web = service("web")
        .env(
            "MODE",
            EnvValue::Config {
                name: "app".to_owned(),
                key: "mode".to_owned(),
            },
        )
        .env("KEY", EnvValue::Secret("key".to_owned()))
        .volume("conf", "/etc/app", VolumeSource::Config("app".to_owned()))
        .volume("keys", "/keys/", VolumeSource::Secret("key".to_owned()));
    let desired = System::docker()
        .config("app", &[("mode", "fast")])
        .secret("key", SecretProvider::Env("KEY".to_owned()))
        .with(web)
        .desired();
    let web = container(&desired, "shop-dev-web");
    assert_eq!(web.env["MODE"], EnvValue::Literal("fast".to_owned()));
    assert_eq!(web.env["KEY"], EnvValue::Secret("key".to_owned()));
    assert_eq!(web.files["/etc/app/mode"], "fast");
    assert_eq!(web.mounts["/keys/key"], Mount::Secret("key".to_owned()));
    assert_eq!(
        of_docker(&desired).secrets["key"],
        SecretProvider::Env("KEY".to_owned())
    );
}

#[test]
fn rejects_a_secret_of_the_cluster() {
    let provider = SecretProvider::Kubernetes {
        name: "a".to_owned(),
        key: "b".to_owned(),
        encoded_key: None,
    };
    let web = service("web").env("KEY", EnvValue::Secret("key".to_owned()));
    assert_eq!(
        System::docker().secret("key", provider).with(web).errors(),
        [
            "kcc::lower::unsupported: secret `key` is stored in Kubernetes, but the target runs on Docker"
        ]
    );
}

#[test]
fn rejects_config_keys_that_are_not_file_names() {
    for key in ["", ".", "..", "../x", "a/b", "a b", "ä"] {
        assert_eq!(
            System::docker().config("app", &[(key, "1")]).errors(),
            [format!(
                "kcc::lower::unsupported: config `app` has a key `{key}`, which is not a valid file name"
            )]
        );
    }
    System::docker()
        .config("app", &[("app.toml", ""), (".env", ""), ("A_b-1", "")])
        .desired();
}

#[test]
fn the_hash_covers_only_what_a_container_notices() {
    let web = || service("web").text("A", "1").needs("cart", Until::Started);
    let hash = |web| {
        let desired = System::docker().with(web).with(service("cart")).desired();
        container(&desired, "shop-dev-web").config_hash()
    };
    let plain = hash(web());
    assert_eq!(plain, hash(web()));
    assert_eq!(plain.len(), 64);
    assert_ne!(plain, hash(web().text("A", "2")));
    assert_ne!(plain, hash(web().file("/x", "")));
    // The container does not notice deadlines and needs.
    let mut patient = web();
    patient.deadline = Millis(1);
    patient.needs.clear();
    assert_eq!(plain, hash(patient));
}

#[test]
fn lowers_volumes_and_limits() {
    let mut web = service("web").volume("data", "/data", persistent(1));
    web.container.resources.limits.memory = Some(kcc_model::Bytes(64 << 20));
    web.container.resources.limits.cpu = Some(kcc_model::MilliCpu(1500));
    web.container.resources.requests.cpu = Some(kcc_model::MilliCpu(1));
    web.grace_period = Millis(1500);
    web.rollout.pre_stop = Some(vec!["/drain".to_owned(), "now".to_owned()]);
    let web = lowered(web);
    assert_eq!((web.memory, web.cpu_millis), (Some(64 << 20), Some(1500)));
    assert_eq!(web.cpu_shares, Some(2), "the kernel's minimum");
    assert_eq!(web.stop_timeout, 2);
    let label = web.labels.get(kcc_lower::docker::label::PRE_STOP);
    assert_eq!(label.map(String::as_str), Some("[\"/drain\",\"now\"]"));
}
