//! The cases. Each works on a copy of the shop with a namespace of its own.

use std::{fs, process::Stdio};

use kcc_test_engines::{
    archive::{Changes, is_restored_from_an_archive, without},
    history::keeps_a_history,
    outcome,
    shop::{
        all_outputs, applies_one_variable, comes_up_and_is_stable, fails_without_its_engine,
        one_apply_at_a_time, take_down,
    },
    timeline::{Lanes, record_until_killed, shows_applies},
};

use kcc_test_support::CommandOutput;

use crate::{connections::only_declared_connections_are_possible, shop::Shop};

pub(crate) type Case = fn(&Shop);

macro_rules! cases {
    ($($name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] = &[$((stringify!($name), $name),)*];
    };
}

cases! {
    the_shop_comes_up_and_stays,
    one_variable_changes_one_deployment,
    a_missing_secret_is_named_and_awaited,
    revisions_are_listed_shown_and_applied_again,
    each_machine_has_a_lane_of_its_own,
    the_journal_outlives_the_events_of_the_cluster,
    a_recording_goes_on_where_it_was_killed,
    a_deleted_namespace_is_restored_from_an_archive,
    down_keeps_the_claims_without_volumes,
    unmanaged_objects_are_not_touched,
    a_second_apply_waits,
    an_instance_runs_next_to_the_target,
    an_instance_shares_a_backing_of_the_target,
    output_contains_no_secrets,
    an_unreachable_cluster_is_an_environment_error,
    only_declared_connections_are_possible,
}

const APPLY: [&str; 4] = ["apply", "--target", "prod", "--yes"];

fn the_shop_comes_up_and_stays(shop: &Shop) {
    shop.generate_key();
    comes_up_and_is_stable(shop, &["2/2", "http://shop.example.com"]);
    // The policy of prod: every service survives the loss of one machine.
    let ready = "jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}";
    assert_eq!(
        shop.kubectl(&["get", "deployments", "-o", ready]),
        "cart=2 checkout=2 payments=3 web=2"
    );
    the_render_is_what_runs(shop);
}

/// Checks that kubectl finds no difference between the manifests and the cluster.
fn the_render_is_what_runs(shop: &Shop) {
    let file = shop.path("prod.yaml");
    fs::write(&file, shop.render()).unwrap();
    let output = shop
        .testbed
        .command(&["diff", "--server-side", "-f", file.to_str().unwrap()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:#?}"
    );
}

fn one_variable_changes_one_deployment(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let before = shop.versions();
    applies_one_variable(shop, "update", "Deployment", "updated");
    let state = format!("ConfigMap/{}", shop.state());
    let journal = state.replacen("kcc.", "kcc-journal.", 1);
    for line in shop.versions() {
        let name = line.split(' ').next().unwrap();
        let web = [
            "Deployment/web",
            "ReplicaSet/web-",
            "Pod/web-",
            &state,
            &journal,
        ];
        let own = web.iter().any(|own| name.starts_with(own));
        assert!(own || before.contains(&line), "{line} changed: {before:#?}");
    }
}

fn a_missing_secret_is_named_and_awaited(shop: &Shop) {
    // A busy kubelet's first read of a secret may time out.
    let ran = shop.run(&[&APPLY[..], &["--timeout", "30s"]].concat());
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::incomplete",
        "`payments` is not healthy",
        "Secret `stripe` does not exist (after 30 s); the namespace has `orders-password`",
        "create Secret `stripe`, or correct the reference",
        "team `payments`",
    ] {
        ran.assert_stderr_contains(text);
    }
    // Components that do not need it came up; its dependents did not start.
    let deployments = shop.names("deployments");
    assert_eq!(deployments, ["deployment.apps/payments"]);
    assert_eq!(shop.names("statefulsets").len(), 2);
    shop.kubectl(&[
        "create",
        "secret",
        "generic",
        "stripe",
        "--from-literal=api=sk_live",
    ]);
    let report = shop.apply();
    assert_eq!(outcome(&report, "payments"), "unchanged");
    assert_eq!(outcome(&report, "web"), "created");
    assert_eq!(shop.page().0, 200);
}

fn each_machine_has_a_lane_of_its_own(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let nodes = "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{\"\\n\"}{end}";
    let pods = shop.kubectl(&["get", "pods", "-o", nodes]);
    let lanes = Lanes::of(shop);
    shows_applies(shop, &lanes, "API server", 1);
    // Each pod was created, then assigned, then run by its node; nothing else is proved.
    let mut assigned = Vec::new();
    let mut run = Vec::new();
    for pod in pods.lines() {
        let (name, node) = pod.split_once(' ').unwrap();
        let name = format!("Pod {name}");
        assigned.push((
            "API server".to_owned(),
            name.clone(),
            "default-scheduler".to_owned(),
        ));
        run.push(("default-scheduler".to_owned(), name, node.to_owned()));
    }
    let arrows = sorted(lanes.arrows("assignment"));
    assert_eq!(arrows, sorted(run));
    let identities = lanes.arrows("identity");
    let of_pods = identities
        .iter()
        .filter(|(_, _, to)| to == "default-scheduler");
    assert_eq!(sorted(of_pods.cloned().collect()), sorted(assigned));
    assert!(
        identities.iter().all(|(from, _, _)| from == "API server"),
        "{identities:#?}"
    );
}

fn the_journal_outlives_the_events_of_the_cluster(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let node = "jsonpath={.items[0].metadata.name} {.items[0].spec.nodeName}";
    let pods = [
        "get",
        "pods",
        "-l",
        "app.kubernetes.io/name=cart",
        "-o",
        node,
    ];
    let pod = shop.kubectl(&pods);
    let (pod, node) = pod.split_once(' ').unwrap();
    let object = format!("Pod {pod}");
    let started = (node, object.as_str(), "started");
    assert!(Lanes::of(shop).observations().contains(&started));
    let segments = || {
        let maps = shop.names("configmaps").into_iter();
        maps.filter(|name| name.contains("/kcc-journal.")).count()
    };
    let before = segments();
    shop.run(&["status", "--target", "prod"]);
    shop.run(&["status", "--target", "prod"]);
    assert!(
        segments() <= before + 1,
        "an unchanged observation is written again"
    );
    shop.kubectl(&["delete", "pod", pod, "--wait"]);
    shop.run(&["status", "--target", "prod"]);
    shop.kubectl(&["delete", "events", "--all"]);
    let lanes = Lanes::of(shop);
    assert!(
        lanes.journaled().contains(&started),
        "{:#?}",
        lanes.observations()
    );
    let killed = |(on, of, event): &(&str, &str, &str)| {
        (*on, *of) == (node, object.as_str()) && event.starts_with("Killing")
    };
    assert!(
        lanes.journaled().iter().any(killed),
        "{:#?}",
        lanes.observations()
    );
    // The order across machines is kept as well.
    let arrows = lanes.arrows("assignment");
    let assigned = (
        "default-scheduler".to_owned(),
        object.clone(),
        node.to_owned(),
    );
    assert!(arrows.contains(&assigned), "{arrows:#?}");
    // A user who may only read gets the same answer, and keeps nothing.
    shop.kubectl(&[
        "create",
        "rolebinding",
        "ann",
        "--clusterrole=view",
        "--user=ann",
    ]);
    let config = fs::read_to_string(shop.testbed.kubeconfig()).unwrap();
    let config = config.replace("user: {token:", "user: {as: ann, token:");
    fs::write(shop.path("ann"), config).unwrap();
    shop.kubectl(&[
        "delete",
        "pod",
        "-l",
        "app.kubernetes.io/name=web",
        "--wait",
    ]);
    let before = segments();
    let mut command = shop.command(&["timeline", "--target", "prod"]);
    let read = CommandOutput::of(command.env("KUBECONFIG", shop.path("ann")));
    assert_eq!(read.code, Some(0), "{read:#?}");
    assert!(read.out.contains(&object), "{read:#?}");
    assert_eq!(segments(), before);
    // The audit log tells who deleted the pod.
    let log = shop.testbed.audit_log();
    if log.exists() {
        let lanes = Lanes::with(shop, &["--audit", log.to_str().unwrap()]);
        let deleted = |(on, of, event): &(&str, &str, &str)| {
            (*on, *of) == ("API server", object.as_str())
                && event.starts_with("deletion requested by")
                && event.ends_with("kubectl")
        };
        assert!(
            lanes.observations().iter().any(deleted),
            "{:#?}",
            lanes.observations()
        );
    }
}

fn a_recording_goes_on_where_it_was_killed(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let delete = |component: &str| {
        let label = format!("app.kubernetes.io/name={component}");
        let name = "jsonpath={.items[0].metadata.name}";
        let pod = shop.kubectl(&["get", "pods", "-l", &label, "-o", name]);
        shop.kubectl(&["delete", "pod", &pod, "--wait"]);
        format!("Pod {pod}")
    };
    let mut first = String::new();
    record_until_killed(shop, || first = delete("cart"));
    // Nobody watches, and the server still knows.
    let second = delete("web");
    let again = shop.run(&["record", "--target", "prod", "--for", "5s"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(again.out.contains("gaps 0"), "{again:#?}");
    let lanes = Lanes::of(shop);
    for pod in [&first, &second] {
        let removed = ("API server", pod.as_str(), "removed");
        assert!(
            lanes.observations().contains(&removed),
            "{:#?}",
            lanes.observations()
        );
    }
    assert_eq!(lanes.gaps(), []);
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

fn revisions_are_listed_shown_and_applied_again(shop: &Shop) {
    shop.generate_key();
    keeps_a_history(shop, || {
        shop.kubectl(&["delete", "deployment", "cart"]);
        shop.kubectl(&["set", "env", "deployment/checkout", "STRAY=1"]);
    });
}

fn a_deleted_namespace_is_restored_from_an_archive(shop: &Shop) {
    shop.generate_key();
    is_restored_from_an_archive(
        shop,
        &Changes {
            objects: &|| objects(shop),
            drift: &|| {
                shop.kubectl(&["set", "env", "deployment/web", "GREETING=stray"]);
                "deployment/web:spec.template.spec.containers.web.env.GREETING.value".to_owned()
            },
            conflicts: true,
            destroy: &|| {
                let delete = [
                    "delete",
                    "namespace",
                    &shop.name,
                    "--wait",
                    "--timeout=120s",
                ];
                shop.testbed.kubectl(&delete);
            },
        },
    );
}

/// Returns all objects of the shop but its record, without what the cluster says of each,
/// and of secrets only the keys.
fn objects(shop: &Shop) -> serde_json::Value {
    const OWN: [&str; 18] = [
        "uid",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "generation",
        "status",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "volumeName",
        "selfLink",
        "finalizers",
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/restartedAt",
    ];
    let kinds = "deployments,statefulsets,jobs,cronjobs,services,configmaps,secrets,\
                 serviceaccounts,persistentvolumeclaims,ingresses,networkpolicies,\
                 poddisruptionbudgets";
    let text = shop.kubectl(&["get", kinds, "-o", "json"]);
    let mut list: serde_json::Value = serde_json::from_str(&text).unwrap();
    without(&mut list, &OWN);
    let mut objects = Vec::new();
    for mut object in list["items"].as_array().unwrap().clone() {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let is_record = ["kcc.", "kcc-journal."]
            .iter()
            .any(|own| name.starts_with(own));
        if object["kind"] == "ConfigMap" && is_record {
            continue;
        }
        if object["kind"] == "Secret"
            && let Some(data) = object["data"].as_object_mut()
        {
            data.values_mut().for_each(|value| *value = "secret".into());
        }
        objects.push(object);
    }
    serde_json::Value::Array(objects)
}

fn down_keeps_the_claims_without_volumes(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let claims = shop.names("persistentvolumeclaims");
    assert!(!claims.is_empty());
    let secrets = shop.names("secrets");
    take_down(shop, false);
    let left = shop.names(
        "deployments,statefulsets,jobs,pods,services,ingresses,replicasets,leases,\
         persistentvolumeclaims,secrets",
    );
    assert_eq!(left, [claims.clone(), secrets].concat());
    assert_eq!(shop.names("serviceaccounts"), ["serviceaccount/default"]);
    // It comes up again with the data and the passwords that unlock it.
    shop.apply();
    assert_eq!(shop.page().0, 200);
    assert_eq!(shop.names("persistentvolumeclaims"), claims);
    take_down(shop, true);
    assert!(!shop.exists());
}

fn unmanaged_objects_are_not_touched(shop: &Shop) {
    shop.generate_key();
    shop.testbed.kubectl(&["create", "namespace", &shop.name]);
    shop.kubectl(&["create", "service", "clusterip", "cart", "--tcp=1"]);
    let before = shop.versions();
    let ran = shop.run(&APPLY);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for text in [
        "kcc::plan::foreign-object",
        "Service `cart` already exists and is not managed by kcc",
        "`kcc plan --target prod --take-over kubectl`",
    ] {
        ran.assert_stderr_contains(text);
    }
    assert_eq!(shop.versions(), before);
}

fn a_second_apply_waits(shop: &Shop) {
    shop.generate_key();
    one_apply_at_a_time(shop, "create ServiceAccount");
}

fn an_instance_runs_next_to_the_target(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let before = shop.versions();
    let instance = ["--target", "prod", "--instance", "ann", "--yes"];
    shop.run_ok(&[&["apply"], &instance[..]].concat());
    let namespace = format!("{}-ann", shop.name);
    let get = |args: &[&str]| {
        let args = [&["-n", &namespace, "get"], args].concat();
        shop.testbed.kubectl(&args)
    };
    let ready = "jsonpath={.status.readyReplicas}";
    assert_eq!(get(&["deployment", "web", "-o", ready]), "2");
    assert_eq!(get(&["ingresses", "-o", "name"]), "");
    assert_eq!(shop.versions(), before);
    shop.run_ok(&[&["down", "--volumes"], &instance[..]].concat());
    assert_eq!(shop.versions(), before);
    let gone = ["get", "namespace", &namespace, "--ignore-not-found"];
    assert_eq!(shop.testbed.kubectl(&gone), "");
}

fn an_instance_shares_a_backing_of_the_target(shop: &Shop) {
    shop.generate_key();
    let instance = ["--target", "prod", "--instance", "ben", "--yes"];
    let apply = [&["apply", "--share", "orders"], &instance[..]].concat();
    let refused = shop.run(&apply);
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    refused.assert_stderr_contains("kcc::plan::shared-not-running");
    shop.apply();
    let before = shop.versions();
    shop.run_ok(&apply);
    let namespace = format!("{}-ben", shop.name);
    let get = |args: &[&str]| {
        let args = [&["-n", &namespace, "get"], args].concat();
        shop.testbed.kubectl(&args)
    };
    assert_eq!(get(&["statefulset", "orders", "--ignore-not-found"]), "");
    let ready = "jsonpath={.status.readyReplicas}";
    assert_ne!(get(&["deployment", "checkout", "-o", ready]), "");
    let password = ["secret", "orders-password", "-o", "jsonpath={.data}"];
    assert_eq!(
        get(&password),
        shop.kubectl(&[&["get"], &password[..]].concat())
    );

    // The shared database answers under its name, and nothing else of the target does.
    let dial = |to: &str, within: &str| {
        let dial = ["/shop", "migrate", "--dial", to, "--within", within];
        let exec = ["exec", "-n", &namespace, "deployment/checkout", "--"];
        let exec = [&exec[..], &dial].concat();
        shop.testbed.command(&exec).output().unwrap()
    };
    let reached = dial("orders:5432", "15s");
    assert!(reached.status.success(), "{reached:#?}");
    let other = format!("carts.{}:6379", shop.name);
    assert!(!dial(&other, "0s").status.success());

    let plan = shop.run_ok(&[&["plan"], &instance[..4], &["--format", "json"]].concat());
    assert!(plan.contains("\"shared\":[\"orders\"]"), "{plan}");
    assert!(plan.contains("\"operations\":[]"), "{plan}");
    let status = shop.run_ok(&[&["status"], &instance[..4]].concat());
    assert!(status.contains("shared"), "{status}");
    let refused = shop.run(&["down", "--target", "prod", "--yes"]);
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    refused.assert_stderr_contains("kcc::plan::shared-in-use");
    shop.run_ok(&[&["down", "--volumes"], &instance[..]].concat());
    assert_eq!(shop.versions(), before);
    let policies = shop.names("networkpolicies").into_iter();
    let mut policies = policies.filter_map(|name| Some(name.split_once('/')?.1.to_owned()));
    assert!(policies.all(|name| !name.contains('.')));
}

fn output_contains_no_secrets(shop: &Shop) {
    shop.generate_key();
    let mut texts = all_outputs(shop);
    let path =
        "go-template={{range .items}}{{range .data}}{{.}} {{. | base64decode}} {{end}}{{end}}";
    let secrets = shop.kubectl(&["get", "secrets", "-o", path]);
    let secrets: Vec<_> = secrets.split_whitespace().collect();
    assert!(secrets.len() >= 4, "stripe-key and the database's password");
    let kinds = "deployments,statefulsets,jobs,pods,services,configmaps,events";
    texts.push(shop.kubectl(&["get", kinds, "-o", "yaml"]));
    for secret in &secrets {
        assert!(!texts.iter().any(|text| text.contains(secret)));
    }
}

fn an_unreachable_cluster_is_an_environment_error(shop: &Shop) {
    let kubeconfig = shop.testbed.kubeconfig();
    let text = fs::read_to_string(&kubeconfig).unwrap();
    let path = shop.path("kubeconfig");
    fs::write(&path, text.replace(":6443", ":1")).unwrap();
    let texts = [
        "kcc::plan::kube-unreachable",
        "cannot reach the cluster at",
        ":1`",
        "start the cluster or connect to its network",
    ];
    fails_without_its_engine(shop, path.to_str().unwrap(), &[], &texts);
    let texts = [
        "kcc::plan::no-context",
        "context `nowhere` not found",
        "select `kcc-bed` with `--context`",
    ];
    fails_without_its_engine(shop, &kubeconfig, &["--context", "nowhere"], &texts);
}
