//! A system comes up, changes and goes.

use kcc_lower::kubernetes::MadeSecret;
use kcc_model::{SecretProvider, Until};
use kcc_plan::{Options, State};
use serde_json::json;

use crate::kubernetes::{Draft, Place, labels};

/// A database, a job that needs it, and a service that needs the job.
fn chain(place: &Place) -> Draft {
    let mut desired = place.desired();
    desired.keep("orders");
    desired.job(
        "migrate",
        "migrate-1",
        &["migrate", "--dial", "orders:8080"],
    );
    desired.after("migrate", "orders", Until::Started);
    desired.serve("web");
    desired.after("web", "migrate", Until::Completed);
    desired
}

pub(super) async fn a_chain_comes_up_in_order_and_stays(place: &Place) {
    let desired = chain(place);
    assert_eq!(
        place.plan(&desired).await,
        "\
SYSTEM in prod: 7 to create, 0 objects unchanged

+ create Namespace SYSTEM it is not there
+ create Secret orders-password it is not there [storefront]
+ create Service orders it is not there [storefront]
+ create StatefulSet orders it is not there [storefront]
+ create Job migrate-1 it is not there [storefront]
+ create Service web it is not there [storefront]
+ create Deployment web it is not there [storefront]
"
    );
    assert!(!place.exists(), "a plan changes nothing");
    let report = place.apply_all(&desired).await;
    assert_eq!((report.planned, report.performed), (7, 7));
    assert_eq!(report.totals().created, 3);
    let heard = place.heard.lines();
    let at = |text: &str| heard.iter().position(|line| line.contains(text));
    let completed = at("Ready { component: \"migrate\", until: Completed");
    let web = at("kind: \"Deployment\"");
    assert!(completed.is_some() && completed < web, "{heard:#?}");

    let before = place.versions();
    let second = place.apply_all(&desired).await;
    assert_eq!((second.planned, second.mutating_calls), (0, 0));
    assert_eq!(place.versions(), before);
    assert_eq!(
        place.plan(&desired).await,
        "SYSTEM in prod: nothing to do, 7 objects unchanged\n"
    );
    assert!(place.names("leases").is_empty(), "the lock is released");

    let status = place.status(&desired).await;
    let state = |name: &str| {
        let component = &status.components[name];
        (component.state, component.ready, component.replicas)
    };
    assert_eq!(state("web"), (State::Running, 1, 1));
    assert_eq!(state("orders"), (State::Running, 1, 1));
    assert_eq!(state("migrate"), (State::Completed, 1, 1));
    // The value of the secret is nowhere but in the Secret.
    let path = "jsonpath={.data.value}";
    let value = place.kubectl(&["get", "secret", "orders-password", "-o", path]);
    assert!(!value.is_empty());
    let state = place.kubectl(&["get", "configmap", "-o", "yaml"]);
    assert!(!state.contains(&value) && !heard.iter().any(|line| line.contains(&value)));
}

pub(super) async fn one_variable_changes_one_deployment(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    desired.serve("cart");
    place.apply_all(&desired).await;
    let before = place.versions();
    desired.container("Deployment", "web")["env"] = json!([{"name": "GREETING", "value": "hello"}]);
    assert_eq!(
        place.plan(&desired).await,
        "SYSTEM in prod: 1 to update, 4 objects unchanged\n\n\
         ~ update Deployment web `env.GREETING` changed [storefront]\n"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!((report.totals().updated, report.totals().unchanged), (1, 1));
    let changed: Vec<_> = place
        .versions()
        .into_iter()
        .filter(|line| !before.contains(line) && !line.starts_with("Pod/"))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    let state = format!("ConfigMap/kcc.{}.prod", place.system);
    assert_eq!(changed, [state, "Deployment/web".to_owned()]);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn an_autoscaler_takes_over_what_runs(place: &Place) {
    let replicas = |number: Option<u32>| {
        let mut desired = place.desired();
        desired.serve("web");
        let mut objects = desired.engine.objects.iter_mut();
        let web = objects.find(|object| object.kind == "Deployment").unwrap();
        let spec = web.manifest["spec"].as_object_mut().unwrap();
        spec.remove("replicas");
        spec.extend(number.map(|number| ("replicas".to_owned(), json!(number))));
        desired
    };
    let scaled = |least: u32| {
        let mut desired = replicas(None);
        let spec = json!({"spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": least,
            "maxReplicas": 6,
        }});
        let kind = "HorizontalPodAutoscaler";
        desired.object("autoscaling/v2", kind, "web", Some("web"), spec);
        desired
    };
    let number = || {
        let path = "jsonpath={.spec.replicas} {.metadata.generation}";
        place.kubectl(&["get", "deployment", "web", "-o", path])
    };
    place.apply_all(&replicas(Some(3))).await;
    let before = number();
    assert!(before.starts_with("3 "), "{before}");
    let plan = place.plan(&scaled(2)).await;
    let line = "~ update Deployment web its autoscaler rules its number (3) from now on";
    assert!(plan.contains(line), "{plan}");
    place.apply_all(&scaled(2)).await;
    // Not even for a moment was it another: its generation would tell.
    assert_eq!(number(), before);
    assert_eq!(place.apply_all(&scaled(2)).await.mutating_calls, 0);

    // What the autoscaler says stays, and is taken back when it goes.
    place.apply_all(&scaled(4)).await;
    for _ in 0..120 {
        if number().starts_with("4 ") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert!(number().starts_with("4 "), "{}", number());
    assert_eq!(place.apply_all(&scaled(4)).await.mutating_calls, 0);
    place.apply_all(&replicas(Some(2))).await;
    assert!(number().starts_with("2 "), "{}", number());
    assert!(place.names("hpa").is_empty());
    assert_eq!(place.apply_all(&replicas(Some(2))).await.mutating_calls, 0);
}

/// The names of the pods that are not being removed.
const STAYING: &str = "go-template={{range .items}}{{if not .metadata.deletionTimestamp}}\
                       {{.metadata.name}}{{end}}{{end}}";

pub(super) async fn a_secret_follows_whoever_applies(place: &Place) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let mut desired = place.desired();
    desired.serve("web");
    desired.container("Deployment", "web")["env"] = json!([{"name": "TOKEN", "valueFrom": {
        "secretKeyRef": {"name": "token", "key": "value"},
    }}]);
    let mut brought = |provider| {
        desired.engine.secrets = vec![MadeSecret {
            name: "token".to_owned(),
            key: "value".to_owned(),
            encoded: false,
            provider,
            component: None,
            team: "storefront".to_owned(),
            labels: labels(&place.system, None),
        }];
        desired.clone()
    };
    let value = || {
        let path = "go-template={{.data.value|base64decode}}";
        place.kubectl(&["get", "secret", "token", "-o", path])
    };
    std::fs::write(&path, "hunter2\n").unwrap();
    let file = brought(SecretProvider::File(path.display().to_string()));
    place.apply_all(&file).await;
    assert_eq!(value(), "hunter2");
    assert_eq!(place.apply_all(&file).await.mutating_calls, 0);

    std::fs::write(&path, "hunter3\n").unwrap();
    let plan = place.plan(&file).await;
    let line = "~ update Secret token its provider has another value [storefront]";
    assert!(plan.contains(line) && !plan.contains("hunter"), "{plan}");
    let line = "> run Deployment web the value of secret `token` changed [storefront]";
    assert!(plan.contains(line), "{plan}");
    let pods = || place.kubectl(&["get", "pods", "-o", STAYING]);
    let before = pods();
    place.apply_all(&file).await;
    assert_eq!(value(), "hunter3");
    assert_ne!(pods(), before, "its readers start again");
    assert_eq!(place.apply_all(&file).await.mutating_calls, 0);
    // An apply that was killed in between is gone on with.
    place.kubectl(&[
        "annotate",
        "secret",
        "token",
        "--overwrite",
        "kcc.dev/secret-changed-at=2999-01-01T00:00:00Z",
    ]);
    let plan = place.plan(&file).await;
    assert!(plan.contains(line), "{plan}");

    let command = ["printf", "hunter%s", "4"].map(str::to_owned).to_vec();
    place
        .apply_all(&brought(SecretProvider::Command(command)))
        .await;
    assert_eq!(value(), "hunter4");
    let heard = place.heard.lines();
    assert!(!heard.iter().any(|line| line.contains("hunter")));
    let state = place.kubectl(&["get", "configmap", "-o", "yaml"]);
    assert!(!state.contains("hunter"));

    // Who has no value changes nothing.
    let unset = brought(SecretProvider::Env("UNSET".to_owned())).finish();
    let cancel = kcc_plan::Cancel::new();
    let failed = kcc_kube::apply(&unset, &place.options(), &place.heard, &cancel).await;
    assert_eq!(failed.unwrap_err().code, kcc_diag::Code::ApplySecret);
    assert_eq!(value(), "hunter4");
}

pub(super) async fn a_changed_job_runs_again(place: &Place) {
    let mut desired = place.desired();
    let args = ["migrate", "--dial", "kubernetes.default:443"];
    desired.job("migrate", "migrate-1", &args);
    place.apply_all(&desired).await;
    desired.remove("migrate");
    desired.job(
        "migrate",
        "migrate-2",
        &[&args[..], &["--within", "20s"]].concat(),
    );
    let text = place.plan(&desired).await;
    for line in [
        "- delete Job migrate-1 a new one takes its place",
        "+ create Job migrate-2 it is not there",
    ] {
        assert!(text.contains(line), "{text}");
    }
    place.apply_all(&desired).await;
    assert_eq!(place.names("jobs"), ["job.batch/migrate-2"]);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn what_nobody_asks_for_goes(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    desired.keep("orders");
    place.apply_all(&desired).await;
    desired.remove("orders");
    desired.engine.secrets.clear();
    let report = place.apply_all(&desired).await;
    assert_eq!(report.totals().deleted, 1);
    assert_eq!(place.names("statefulsets,services"), ["service/web"]);
    assert_eq!(
        place.names("persistentvolumeclaims"),
        ["persistentvolumeclaim/data-orders-0"]
    );
    assert_eq!(place.names("secrets"), ["secret/orders-password"]);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    // What is left is still known.
    place.down(&desired, true).await;
    assert!(!place.exists());
}

pub(super) async fn down_leaves_the_data_until_it_is_asked_for(place: &Place) {
    let desired = chain(place);
    place.apply_all(&desired).await;
    let path = "jsonpath={.data.value}";
    let password = place.kubectl(&["get", "secret", "orders-password", "-o", path]);
    let report = place.down(&desired, false).await;
    assert_eq!(report.totals().deleted, 3);
    let left = place.names("deployments,statefulsets,jobs,pods,services,leases,secrets,pvc");
    assert_eq!(
        left,
        [
            "secret/orders-password",
            "persistentvolumeclaim/data-orders-0"
        ]
    );
    assert_eq!(place.down(&desired, false).await.mutating_calls, 0);
    // It comes up again with its data and what opens it.
    place.apply_all(&desired).await;
    let again = place.kubectl(&["get", "secret", "orders-password", "-o", path]);
    assert_eq!(again, password);
    // What somebody else has in the namespace keeps it.
    place.kubectl(&["create", "configmap", "notes", "--from-literal=a=b"]);
    place.down(&desired, true).await;
    assert!(place.names("pvc,secrets,pods,deployments").is_empty());
    let mut maps = place.names("configmaps");
    maps.retain(|map| !map.contains("kube-root-ca"));
    assert!(maps.contains(&"configmap/notes".to_owned()), "{maps:?}");
    assert!(
        place
            .heard
            .lines()
            .iter()
            .any(|line| line.contains("ConfigMap `notes` is in it, which kcc did not make"))
    );
    place.kubectl(&["delete", "configmap", "notes"]);
    place.down(&desired, true).await;
    assert!(!place.exists());
}

pub(super) async fn a_copy_stands_beside_the_original(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    let before = place.versions();
    let options = Options {
        instance: Some("ann".to_owned()),
        ..place.options()
    };
    let copy = desired.finish();
    let cancel = kcc_plan::Cancel::new();
    let report = kcc_kube::apply(&copy, &options, &place.heard, &cancel).await;
    assert!(report.unwrap().complete());
    let namespace = format!("{}-ann", place.system);
    let ready = "jsonpath={.status.readyReplicas}";
    let get = ["-n", &namespace, "get", "deployment", "web", "-o", ready];
    assert_eq!(place.bed.kubectl(&get), "1");
    assert_eq!(place.versions(), before);
    let options = Options {
        volumes: true,
        ..options
    };
    let report = kcc_kube::down(&copy, &options, &place.heard, &cancel).await;
    assert!(report.unwrap().complete());
    assert_eq!(place.versions(), before);
    let get = ["get", "namespace", &namespace, "--ignore-not-found"];
    assert_eq!(place.bed.kubectl(&get), "");
}
