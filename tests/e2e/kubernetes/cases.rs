//! The cases. Each works on a copy of the shop with a namespace of its own.

use std::{fs, process::Stdio};

use serde_json::Value;

use crate::{
    connections::only_what_is_declared_is_reached,
    shop::Shop,
    support::{COMPONENTS, outcome, report},
};

pub(crate) type Case = fn(&Shop);

macro_rules! cases {
    ($($name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] = &[$((stringify!($name), $name),)*];
    };
}

cases! {
    the_shop_comes_up_and_a_second_apply_changes_nothing,
    one_variable_changes_one_deployment,
    a_secret_that_is_not_there_is_named_and_awaited,
    down_leaves_the_claims_until_they_are_asked_for,
    what_others_made_is_not_touched,
    an_apply_that_is_killed_is_finished_by_the_next,
    a_second_apply_is_refused_by_name,
    secrets_are_in_no_output,
    a_cluster_that_is_not_there_is_an_environment_error,
    only_what_is_declared_is_reached,
}

const APPLY: [&str; 4] = ["apply", "--target", "prod", "--yes"];

fn the_shop_comes_up_and_a_second_apply_changes_nothing(shop: &Shop) {
    shop.generate_key();
    let operations = shop.plan();
    assert!(
        operations
            .iter()
            .all(|operation| operation["action"] == "create"),
        "{operations:#?}"
    );
    assert!(!shop.exists(), "a plan changes nothing");

    let first = shop.apply();
    for component in COMPONENTS {
        assert_eq!(
            outcome(&first, component),
            "created",
            "{component}: {first:#}"
        );
    }
    let (status, page) = shop.page();
    assert_eq!((status, &page["ok"]), (200, &Value::Bool(true)), "{page:#}");
    // web → cart → checkout → payments, and the ports of both databases.
    let cart = &page["calls"][0]["answer"];
    assert_eq!(cart["dials"][0]["address"], "carts:6379", "{page:#}");
    let checkout = &cart["calls"][0]["answer"];
    assert_eq!(checkout["dials"][0]["address"], "orders:5432", "{page:#}");
    assert_eq!(checkout["calls"][0]["answer"]["ok"], true, "{page:#}");
    // The policy of prod: every service survives the loss of one machine.
    let ready = "jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}";
    assert_eq!(
        shop.kubectl(&["get", "deployments", "-o", ready]),
        "cart=2 checkout=2 payments=3 web=2"
    );

    let versions = shop.versions();
    let second = shop.apply();
    assert_eq!(second["mutatingCalls"], 0, "{second:#}");
    assert_eq!(second["planned"], 0, "{second:#}");
    assert_eq!(shop.versions(), versions);
    assert!(shop.plan().is_empty());
    the_render_is_what_runs(shop);

    let status = shop.run(&["status", "--target", "prod"]);
    assert_eq!(status.code, Some(0), "{status:#?}");
    let line = |component: &str| {
        let mut lines = status.out.lines();
        lines.find(|line| line.starts_with(component)).unwrap()
    };
    for word in ["storefront", "running", "2/2", "http://shop.example.com"] {
        assert!(line("web ").contains(word), "{word}: {}", status.out);
    }
    assert!(line("migrate ").contains("completed"), "{}", status.out);
}

/// kubectl itself finds no difference between the manifests and the cluster.
fn the_render_is_what_runs(shop: &Shop) {
    let file = shop.path("prod.yaml");
    fs::write(&file, shop.render()).unwrap();
    let output = shop
        .bed
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
    shop.edit(
        "teams/storefront/web.cue",
        "GREETING: \"welcome\"",
        "GREETING: \"hello\"",
    );
    let operations = shop.plan();
    assert_eq!(operations.len(), 1, "{operations:#?}");
    assert_eq!(operations[0]["cause"], "`env.GREETING` changed");
    assert_eq!(operations[0]["action"], "update");
    assert_eq!(operations[0]["kind"], "Deployment");
    assert_eq!(operations[0]["team"], "storefront");
    let report = shop.apply();
    for component in COMPONENTS {
        let expected = if component == "web" {
            "updated"
        } else {
            "unchanged"
        };
        assert_eq!(outcome(&report, component), expected, "{component}");
    }
    let state = format!("ConfigMap/kcc.{}.prod", shop.system);
    for line in shop.versions() {
        let name = line.split(' ').next().unwrap();
        let web = ["Deployment/web", "ReplicaSet/web-", "Pod/web-", &state];
        let own = web.iter().any(|own| name.starts_with(own));
        assert!(own || before.contains(&line), "{line} changed: {before:#?}");
    }
    assert_eq!(shop.page().1["greeting"], "hello");
}

fn a_secret_that_is_not_there_is_named_and_awaited(shop: &Shop) {
    // The first look of a busy kubelet for a secret may fail for want of time.
    let ran = shop.run(&[&APPLY[..], &["--timeout", "30s"]].concat());
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::incomplete",
        "`payments` is not healthy",
        "its container cannot be made: secret \"stripe\" not found (after 30 s)",
        "team `payments`",
    ] {
        ran.says(text);
    }
    // What does not need it came up; what needs it was not begun.
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

fn down_leaves_the_claims_until_they_are_asked_for(shop: &Shop) {
    shop.generate_key();
    shop.apply();
    let claims = shop.names("persistentvolumeclaims");
    assert!(!claims.is_empty());
    let secrets = shop.names("secrets");
    let ran = shop.run(&["down", "--target", "prod", "--yes", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(outcome(&report(&ran.out), "web"), "deleted");
    let left = shop.names(
        "deployments,statefulsets,jobs,pods,services,ingresses,replicasets,leases,\
         persistentvolumeclaims,secrets",
    );
    assert_eq!(left, [claims.clone(), secrets].concat());
    assert_eq!(shop.names("serviceaccounts"), ["serviceaccount/default"]);
    // It comes up again with the data, and the passwords that open it.
    shop.apply();
    assert_eq!(shop.page().0, 200);
    assert_eq!(shop.names("persistentvolumeclaims"), claims);
    let ran = shop.run(&["down", "--target", "prod", "--yes", "--volumes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!shop.exists());
}

fn what_others_made_is_not_touched(shop: &Shop) {
    shop.generate_key();
    shop.bed.kubectl(&["create", "namespace", &shop.system]);
    shop.kubectl(&["create", "service", "clusterip", "cart", "--tcp=1"]);
    let before = shop.versions();
    let ran = shop.run(&APPLY);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for text in [
        "kcc::plan::foreign-object",
        "Service `cart` is in the way, and kcc did not make it",
        &format!("kubectl -n {} delete service cart", shop.system),
    ] {
        ran.says(text);
    }
    assert_eq!(shop.versions(), before);
}

fn an_apply_that_is_killed_is_finished_by_the_next(shop: &Shop) {
    shop.generate_key();
    let state = format!("kcc.{}.prod", shop.system);
    for text in ["create ServiceAccount", "create Deployment"] {
        let mut child = shop.start_until(&APPLY, text);
        child.kill().unwrap();
        child.wait().unwrap();
        let intent = shop.kubectl(&["get", "configmap", &state, "-o", "jsonpath={.data.intent}"]);
        assert!(!intent.is_empty());
        // Nobody waits here until the lock of a dead process ends by itself.
        shop.kubectl(&["delete", "lease", &state]);
    }
    shop.apply();
    assert_eq!(shop.page().0, 200);
    let intent = shop.kubectl(&["get", "configmap", &state, "-o", "jsonpath={.data.intent}"]);
    assert!(intent.is_empty());
    assert_eq!(shop.apply()["mutatingCalls"], 0);
    // Nothing is left untracked: down finds all of it.
    let ran = shop.run(&["down", "--target", "prod", "--yes", "--volumes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!shop.exists());
}

fn a_second_apply_is_refused_by_name(shop: &Shop) {
    shop.generate_key();
    let mut child = shop.start_until(&APPLY, "create ServiceAccount");
    let ran = shop.run(&APPLY);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for text in [
        "kcc::apply::lock-held",
        &format!("process {} ", child.id()),
        " since 20",
    ] {
        ran.says(text);
    }
    // Looking is allowed meanwhile.
    let status = shop.run(&["status", "--target", "prod"]);
    assert_eq!(status.code, Some(0), "{status:#?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn secrets_are_in_no_output(shop: &Shop) {
    shop.generate_key();
    let ran = shop.run(&[
        "-v", "apply", "--target", "prod", "--yes", "--format", "json",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let path =
        "go-template={{range .items}}{{range .data}}{{.}} {{. | base64decode}} {{end}}{{end}}";
    let secrets = shop.kubectl(&["get", "secrets", "-o", path]);
    let secrets: Vec<_> = secrets.split_whitespace().collect();
    assert!(secrets.len() >= 4, "stripe-key and the database's password");
    let mut texts = vec![ran.out, ran.err];
    for args in [
        &["plan", "--target", "prod"],
        &["render", "--target", "prod"],
        &["status", "--target", "prod"],
    ] {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        texts.extend([ran.out, ran.err]);
    }
    let kinds = "deployments,statefulsets,jobs,pods,services,configmaps,events";
    texts.push(shop.kubectl(&["get", kinds, "-o", "yaml"]));
    for secret in &secrets {
        assert!(!texts.iter().any(|text| text.contains(secret)));
    }
}

fn a_cluster_that_is_not_there_is_an_environment_error(shop: &Shop) {
    let text = fs::read_to_string(shop.bed.kubeconfig()).unwrap();
    let path = shop.path("kubeconfig");
    fs::write(&path, text.replace(":6443", ":1")).unwrap();
    for command in ["plan", "apply", "status", "down"] {
        let mut args = vec![command, "--target", "prod"];
        if matches!(command, "apply" | "down") {
            args.push("--yes");
        }
        let ran = shop.run_at(path.to_str().unwrap(), &args);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        for text in [
            "kcc::plan::kube-unreachable",
            ":1` does not answer",
            "start it or connect to its network",
        ] {
            ran.says(text);
        }
        let ran = shop.run(&[&args[..], &["--context", "nowhere"]].concat());
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        for text in [
            "kcc::plan::no-context",
            "there is no context `nowhere`",
            "name `kcc-bed` with `--context`",
        ] {
            ran.says(text);
        }
    }
}
