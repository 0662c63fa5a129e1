//! Tests workloads: `everyNode`, `start`, init steps and sidecars.

use crate::support::{
    ComponentExt as _, System, cron_job, job, manifest, of_docker, of_kubernetes, persistent, pod,
    service,
};
use kcc_lower::{docker::Mount, emit};
use kcc_model::{
    Component, EnvValue, Ephemeral, MilliCpu, Part, Rollout, Scale, SecretProvider, Share,
    Strategy, Until, VolumeSource,
};
use serde_json::{Value, json};

fn agent(rollout: Rollout) -> Component {
    let mut agent = service("agent");
    agent.every_node = true;
    agent.rollout = rollout;
    agent
}

fn strategy(rollout: Rollout) -> Value {
    let desired = System::kubernetes().with(agent(rollout)).desired();
    manifest(&desired, "DaemonSet", "agent")["spec"]["updateStrategy"]["rollingUpdate"].clone()
}

#[test]
fn every_node_is_a_daemon_set() {
    let desired = System::kubernetes()
        .with(agent(Rollout::default()))
        .desired();
    let set = manifest(&desired, "DaemonSet", "agent");
    assert!(set["spec"].get("replicas").is_none());
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    for (name, value) in set["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[name], value, "{name}");
    }
    let others = of_kubernetes(&desired).objects.iter();
    assert!(others.clone().all(|object| object.kind != "Deployment"));
    let docker = System::docker().with(agent(Rollout::default())).desired();
    assert_eq!(of_docker(&docker).containers.len(), 1);
}

#[test]
fn a_daemon_set_has_either_surge_or_unavailability() {
    let count = |surge, unavailable| Rollout {
        surge,
        unavailable,
        ..Rollout::default()
    };
    let both = |surge: Value, unavailable: Value| json!({"maxSurge": surge, "maxUnavailable": unavailable});
    let (one, none) = (Share::Count(1), Share::Count(0));
    for (rollout, expected) in [
        (count(None, None), both(json!(0), json!(1))),
        (count(Some(one), None), both(json!(1), json!(0))),
        (count(Some(none), None), both(json!(0), json!(1))),
        (count(None, Some(none)), both(json!(1), json!(0))),
        (
            count(None, Some(Share::Percent(25))),
            both(json!(0), json!("25%")),
        ),
        (
            Rollout {
                strategy: Some(Strategy::Recreate),
                ..Rollout::default()
            },
            both(json!(0), json!("100%")),
        ),
    ] {
        assert_eq!(strategy(rollout.clone()), expected, "{rollout:?}");
    }
}

/// Builds a service with an init step, a sidecar, and shared directories.
fn web() -> Component {
    let mut web = service("web")
        .port("http", 8080)
        .volume("data", "/data", persistent(1))
        .volume(
            "tmp",
            "/tmp/web",
            VolumeSource::Ephemeral(Ephemeral::default()),
        )
        .file("/etc/web.toml", "a = 1\n")
        .init("fetch", &["/bin/fetch", "$(TOKEN)"])
        .init("migrate", &["/bin/migrate"])
        .sidecar("proxy", "acme/proxy:3", 9090);
    web.container.security.privileged = true;
    web.container.security.read_only_root = true;
    for container in web.init.iter_mut().map(|step| &mut step.container) {
        container.security.read_only_root = true;
        let token = EnvValue::Literal("t".to_owned());
        container.env.insert("TOKEN".to_owned(), token);
    }
    web
}

#[test]
fn init_steps_run_first_and_sidecars_stay_in_the_pod() {
    let desired = System::kubernetes().with(web()).granting().desired();
    let spec = pod(&desired, "Deployment", "web")["spec"].clone();
    let names = |list: &Value| -> Vec<(String, Value)> {
        let list = list.as_array().expect("containers").iter();
        list.map(|one| {
            let name = one["name"].as_str().expect("a name").to_owned();
            (name, one["restartPolicy"].clone())
        })
        .collect()
    };
    let own = |name: &str, policy| (name.to_owned(), policy);
    assert_eq!(
        names(&spec["initContainers"]),
        [
            own("fetch", Value::Null),
            own("migrate", Value::Null),
            own("proxy", json!("Always")),
        ]
    );
    assert_eq!(names(&spec["containers"]), [own("web", Value::Null)]);
    let main = &spec["containers"][0];
    assert_eq!(main["ports"].as_array().map(Vec::len), Some(1));
    for beside in spec["initContainers"].as_array().expect("containers") {
        assert_eq!(beside["volumeMounts"], main["volumeMounts"]);
        let context = &beside["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
        assert!(
            context.get("privileged").is_none(),
            "what a grant gives is the main one's"
        );
    }
    assert_eq!(spec["initContainers"][2]["ports"][0]["containerPort"], 9090);
    let service = manifest(&desired, "Service", "web");
    let ports = service["spec"]["ports"].as_array().expect("ports");
    assert_eq!(ports.len(), 2);
}

#[test]
fn a_secret_in_a_command_stays_a_reference() {
    let mut web = service("web")
        .init("migrate", &["/bin/migrate", "$(ORDERS_URL)"])
        .sidecar("proxy", "acme/proxy:3", 9090);
    let url = EnvValue::Template(vec![
        Part::Text("postgres://shop:".to_owned()),
        Part::Secret("orders-password".to_owned()),
        Part::Text("@orders".to_owned()),
    ]);
    let key = EnvValue::Secret("orders-password".to_owned());
    let proxy = web.sidecars.get_mut("proxy").expect("a sidecar");
    proxy.args = Some(vec!["--key=$(KEY)".to_owned()]);
    proxy.env.insert("KEY".to_owned(), key);
    let step = &mut web.init[0].container;
    step.env.insert("ORDERS_URL".to_owned(), url);
    let password = SecretProvider::Generate {};
    let on = |system: System| {
        system
            .secret("orders-password", password.clone())
            .with(web.clone())
    };
    let desired = on(System::kubernetes()).desired();
    let all = pod(&desired, "Deployment", "web")["spec"]["initContainers"].clone();
    let reference = json!({"secretKeyRef": {"name": "orders-password", "key": "value"}});
    assert_eq!(all[0]["command"][1], "$(ORDERS_URL)");
    assert_eq!(
        all[0]["env"],
        json!([
            {"name": "KCC_SECRET_ORDERS_PASSWORD", "valueFrom": reference},
            {"name": "ORDERS_URL", "value": "postgres://shop:$(KCC_SECRET_ORDERS_PASSWORD)@orders"},
        ])
    );
    assert_eq!(all[1]["args"][0], "--key=$(KEY)");
    assert_eq!(
        all[1]["env"],
        json!([{"name": "KEY", "valueFrom": reference}])
    );
    let errors = on(System::docker()).errors();
    assert_eq!(errors.len(), 2, "one for each container: {errors:?}");
}

#[test]
fn a_job_with_a_changed_init_step_is_a_new_object() {
    let name = |command: &str| {
        let desired = System::kubernetes()
            .with(job("index", 0).init("fetch", &[command]))
            .desired();
        let jobs = of_kubernetes(&desired).objects.iter();
        let mut names = jobs.filter(|object| object.kind == "Job");
        names.next().expect("a job").name.clone()
    };
    assert_eq!(name("/bin/a"), name("/bin/a"));
    assert_ne!(name("/bin/a"), name("/bin/b"));
}

#[test]
fn an_autoscaler_measures_only_the_main_container_if_there_are_sidecars() {
    let mut web = web();
    web.scale = Some(Scale {
        min: 1,
        max: 3,
        cpu: None,
        memory: None,
    });
    web.volumes.clear();
    web.container.resources.requests.cpu = Some(MilliCpu(100));
    let desired = System::kubernetes().with(web).granting().desired();
    let metric = &manifest(&desired, "HorizontalPodAutoscaler", "web")["spec"]["metrics"][0];
    assert_eq!(metric["type"], "ContainerResource");
    assert_eq!(metric["containerResource"]["container"], "web");
}

#[test]
fn docker_runs_sidecars_for_each_replica() {
    let mut web = web();
    web.replicas = 2;
    web.stateful = true;
    let desired = System::docker().with(web).granting().desired();
    let docker = of_docker(&desired);
    let names: Vec<_> = docker.containers.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "shop-dev-web",
            "shop-dev-web-2",
            "shop-dev-web-2_proxy",
            "shop-dev-web_proxy",
        ]
    );
    let main = &docker.containers["shop-dev-web-2"];
    let proxy = &docker.containers["shop-dev-web-2_proxy"];
    assert_eq!(proxy.sidecar_of.as_deref(), Some("shop-dev-web-2"));
    assert!(proxy.networks.is_empty() && proxy.ports.is_empty() && !proxy.privileged);
    let steps: Vec<_> = main.init.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["fetch", "migrate"]);
    let fetch = &main.init[0].container;
    let command = fetch.command.as_ref().expect("a command");
    assert_eq!(command[..], ["/bin/fetch", "t"], "variables are expanded");
    assert!(fetch.networks.values().all(Vec::is_empty), "it has no name");
    for container in main.with_init().chain([proxy]) {
        let mount = |path: &str| container.mounts.get(path).cloned();
        let data = Mount::Volume("shop-dev-web-data-2".to_owned());
        assert_eq!(mount("/data"), Some(data));
        assert_eq!(mount("/tmp/web"), Some(Mount::Shared("tmp".to_owned())));
        assert_eq!(container.files["/etc/web.toml"], "a = 1\n");
    }
    assert!(docker.images.contains_key("acme/proxy:3"));
    let alone = service("web").volume(
        "tmp",
        "/tmp/web",
        VolumeSource::Ephemeral(Ephemeral::default()),
    );
    let desired = System::docker().with(alone).desired();
    let mounts = &of_docker(&desired).containers["shop-dev-web"].mounts;
    assert_eq!(
        mounts["/tmp/web"],
        Mount::Tmpfs(Ephemeral::default()),
        "memory, where it is one container's"
    );
}

#[test]
fn a_changed_init_step_changes_the_main_container() {
    let hash = |command: &str| {
        let desired = System::docker()
            .with(service("web").init("fetch", &[command]))
            .desired();
        of_docker(&desired).containers["shop-dev-web"].config_hash()
    };
    assert_eq!(hash("/bin/a"), hash("/bin/a"));
    assert_ne!(hash("/bin/a"), hash("/bin/b"));
}

#[test]
fn a_cron_job_on_docker_has_no_sidecars() {
    let nightly = || {
        cron_job("nightly", "@daily")
            .init("fetch", &["/bin/fetch"])
            .sidecar("upload", "acme/upload:1", 9090)
    };
    let errors = System::docker().with(nightly()).errors();
    assert_eq!(errors.len(), 2, "{errors:?}");
    let desired = System::docker()
        .with(nightly())
        .accept("cronJobs.nightly", "a laptop sends no reports")
        .desired();
    let containers = &of_docker(&desired).containers;
    assert_eq!(containers.len(), 1);
    assert!(containers["shop-dev-nightly"].init.is_empty());
}

#[test]
fn compose_runs_init_steps_before_and_sidecars_with_a_service() {
    let desired = System::docker()
        .with(web().needs("db", Until::Started))
        .with(service("db"))
        .granting()
        .desired();
    let files = emit::files(&desired, "..").expect("files");
    let document: Value = serde_yaml::from_slice(&files[0].content).expect("YAML");
    let services = &document["services"];
    let after = |name: &str| services[name]["depends_on"].clone();
    let completed = json!({"condition": "service_completed_successfully"});
    let started = json!({"condition": "service_started"});
    assert_eq!(after("web_fetch"), json!({"db": started}));
    assert_eq!(
        after("web_migrate"),
        json!({"db": started, "web_fetch": completed})
    );
    assert_eq!(
        after("web"),
        json!({"db": started, "web_migrate": completed})
    );
    assert_eq!(after("web_proxy"), json!({"web": started}));
    assert_eq!(services["web_proxy"]["network_mode"], "service:web");
    assert!(services["web_proxy"].get("networks").is_none());
    assert_eq!(services["web_fetch"]["restart"], "no");
    let shared = json!({"type": "volume", "source": "web_tmp", "target": "/tmp/web"});
    for name in ["web", "web_fetch", "web_proxy"] {
        let mounts = services[name]["volumes"].as_array().expect("mounts");
        assert!(mounts.contains(&shared), "{name}: {mounts:?}");
    }
    assert!(document["volumes"].get("web_tmp").is_some());
}

#[test]
fn a_part_has_only_what_its_components_use() {
    let mut tool = service("tool").volume("data", "/data", persistent(1));
    tool.manual = true;
    let docker = System::docker()
        .with(service("web"))
        .with(tool.clone())
        .desired();
    assert!(docker.components["tool"].manual);
    let part = docker.part(|name| name == "web");
    assert_eq!(part.components.len(), 2, "all keep their order and owners");
    let (all, part) = (of_docker(&docker), of_docker(&part));
    assert_eq!((all.containers.len(), all.volumes.len()), (2, 1));
    assert_eq!((part.containers.len(), part.volumes.len()), (1, 0));

    let kube = System::kubernetes()
        .with(service("web"))
        .with(tool)
        .desired();
    let part = kube.part(|name| name == "web");
    let objects = &of_kubernetes(&part).objects;
    let own = |name: &str| {
        objects
            .iter()
            .any(|one| one.component.as_deref() == Some(name))
    };
    assert!(own("web") && !own("tool"));
    assert!(objects.iter().any(|object| object.kind == "Namespace"));
}

#[test]
fn one_run_of_a_cron_job_is_a_job_of_its_template() {
    let desired = System::kubernetes()
        .with(cron_job("nightly", "@daily"))
        .desired();
    let objects = &of_kubernetes(&desired).objects;
    let cron = objects
        .iter()
        .find(|object| object.kind == "CronJob")
        .unwrap();
    let run = cron.single_run().unwrap();
    assert_eq!(
        (run.kind.as_str(), run.name.as_str()),
        ("Job", "nightly-run")
    );
    assert_eq!(run.manifest["metadata"]["name"], "nightly-run");
    assert_eq!(
        run.manifest["spec"],
        cron.manifest["spec"]["jobTemplate"]["spec"]
    );
    assert!(run.single_run().is_none());
}
