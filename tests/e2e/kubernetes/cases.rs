//! The cases. Each works on a copy of the shop with a namespace of its own.

use std::{fs, process::Stdio};

use crate::{
    connections::only_what_is_declared_is_reached,
    shop::Shop,
    support::{
        outcome,
        shop::{
            all_outputs, comes_up_and_stays, follows_one_variable, misses_its_engine,
            refuses_a_second_apply, survives_kills, takes_down,
        },
    },
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
    comes_up_and_stays(shop, &["2/2", "http://shop.example.com"]);
    // The policy of prod: every service survives the loss of one machine.
    let ready = "jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}";
    assert_eq!(
        shop.kubectl(&["get", "deployments", "-o", ready]),
        "cart=2 checkout=2 payments=3 web=2"
    );
    the_render_is_what_runs(shop);
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
    follows_one_variable(shop, "update", "Deployment", "updated");
    let state = format!("ConfigMap/{}", shop.state());
    for line in shop.versions() {
        let name = line.split(' ').next().unwrap();
        let web = ["Deployment/web", "ReplicaSet/web-", "Pod/web-", &state];
        let own = web.iter().any(|own| name.starts_with(own));
        assert!(own || before.contains(&line), "{line} changed: {before:#?}");
    }
}

fn a_secret_that_is_not_there_is_named_and_awaited(shop: &Shop) {
    // The first look of a busy kubelet for a secret may fail for want of time.
    let ran = shop.run(&[&APPLY[..], &["--timeout", "30s"]].concat());
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::incomplete",
        "`payments` is not healthy",
        "container cannot be created: secret \"stripe\" not found (after 30 s)",
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
    takes_down(shop, false);
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
    takes_down(shop, true);
    assert!(!shop.exists());
}

fn what_others_made_is_not_touched(shop: &Shop) {
    shop.generate_key();
    shop.bed.kubectl(&["create", "namespace", &shop.name]);
    shop.kubectl(&["create", "service", "clusterip", "cart", "--tcp=1"]);
    let before = shop.versions();
    let ran = shop.run(&APPLY);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for text in [
        "kcc::plan::foreign-object",
        "Service `cart` exists and was not created by kcc",
        &format!("kubectl -n {} delete service cart", shop.name),
    ] {
        ran.says(text);
    }
    assert_eq!(shop.versions(), before);
}

fn an_apply_that_is_killed_is_finished_by_the_next(shop: &Shop) {
    shop.generate_key();
    survives_kills(shop, &["create ServiceAccount", "create Deployment"]);
    // Nothing is left untracked: down finds all of it.
    takes_down(shop, true);
    assert!(!shop.exists());
}

fn a_second_apply_is_refused_by_name(shop: &Shop) {
    shop.generate_key();
    refuses_a_second_apply(shop, "create ServiceAccount");
}

fn secrets_are_in_no_output(shop: &Shop) {
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

fn a_cluster_that_is_not_there_is_an_environment_error(shop: &Shop) {
    let there = shop.bed.kubeconfig();
    let text = fs::read_to_string(&there).unwrap();
    let path = shop.path("kubeconfig");
    fs::write(&path, text.replace(":6443", ":1")).unwrap();
    let texts = [
        "kcc::plan::kube-unreachable",
        ":1` does not answer",
        "start it or connect to its network",
    ];
    misses_its_engine(shop, path.to_str().unwrap(), &[], &texts);
    let texts = [
        "kcc::plan::no-context",
        "there is no context `nowhere`",
        "name `kcc-bed` with `--context`",
    ];
    misses_its_engine(shop, &there, &["--context", "nowhere"], &texts);
}
