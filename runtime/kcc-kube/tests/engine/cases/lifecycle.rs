//! A system comes up, changes and is taken down.

use std::{collections::BTreeSet, sync::Arc};

use kcc_diag::Code;
use kcc_lower::kubernetes::CreatedSecret;
use kcc_model::{SecretProvider, Until};
use kcc_plan::{ApplyReport, Cancel, Error, Options, Outcome, PlanFile, Request, State};
use serde_json::json;

use crate::kubernetes::{Draft, Sandbox, labels};

/// Drafts a database, a job that needs it, and a service that needs the job.
fn chain(sandbox: &Sandbox) -> Draft {
    let mut desired = sandbox.desired();
    desired.database("orders");
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

pub(super) async fn a_chain_comes_up_in_order_and_stays(sandbox: &Sandbox) {
    let desired = chain(sandbox);
    assert_eq!(
        sandbox.plan(&desired).await,
        "\
SYSTEM in prod: 7 to create, 0 objects unchanged

+ create Namespace SYSTEM does not exist
+ create Secret orders-password does not exist [storefront]
+ create Service orders does not exist [storefront]
+ create StatefulSet orders does not exist [storefront]
+ create Job migrate-1 does not exist [storefront]
+ create Service web does not exist [storefront]
+ create Deployment web does not exist [storefront]
"
    );
    assert!(!sandbox.exists(), "a plan changes nothing");
    let report = sandbox.apply_all(&desired).await;
    assert_eq!((report.planned, report.performed), (7, 7));
    assert_eq!(report.totals().created, 3);
    let recorder = sandbox.recorder.lines();
    let at = |text: &str| recorder.iter().position(|line| line.contains(text));
    let completed = at("Ready { component: \"migrate\", until: Completed");
    let web = at("kind: \"Deployment\"");
    assert!(completed.is_some() && completed < web, "{recorder:#?}");

    let before = sandbox.versions();
    let second = sandbox.apply_all(&desired).await;
    assert_eq!((second.planned, second.mutating_calls), (0, 0));
    assert_eq!(sandbox.versions(), before);
    assert_eq!(
        sandbox.plan(&desired).await,
        "SYSTEM in prod: nothing to do, 7 objects unchanged\n"
    );
    assert!(sandbox.head().get("lock").is_none(), "the lock is released");

    let status = sandbox.status(&desired).await;
    let state = |name: &str| {
        let component = &status.components[name];
        (component.state, component.ready, component.replicas)
    };
    assert_eq!(state("web"), (State::Running, 1, 1));
    assert_eq!(state("orders"), (State::Running, 1, 1));
    assert_eq!(state("migrate"), (State::Completed, 1, 1));
    // The value of the secret exists only in the Secret.
    let path = "jsonpath={.data.value}";
    let value = sandbox.kubectl(&["get", "secret", "orders-password", "-o", path]);
    assert!(!value.is_empty());
    let state = sandbox.record_text();
    assert!(
        state.contains("orders")
            && !state.contains(&value)
            && !recorder.iter().any(|line| line.contains(&value))
    );
}

pub(super) async fn one_variable_changes_one_deployment(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.serve("cart");
    sandbox.apply_all(&desired).await;
    let before = sandbox.versions();
    desired.container("Deployment", "web")["env"] = json!([{"name": "GREETING", "value": "hello"}]);
    assert_eq!(
        sandbox.plan(&desired).await,
        "SYSTEM in prod: 1 to update, 4 objects unchanged\n\n\
         ~ update Deployment web `env.GREETING` changed [storefront]\n\
         spec.template.spec.containers.web.env.GREETING: none → \
         {\"name\":\"GREETING\",\"value\":\"hello\"}\n"
    );
    let report = sandbox.apply_all(&desired).await;
    assert_eq!((report.totals().updated, report.totals().unchanged), (1, 1));
    let changed: Vec<_> = sandbox
        .versions()
        .into_iter()
        .filter(|line| !before.contains(line) && !line.starts_with("Pod/"))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    let state = format!("ConfigMap/kcc.{}.prod", sandbox.system);
    assert_eq!(changed, [state, "Deployment/web".to_owned()]);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn an_autoscaler_takes_over_running_replicas(sandbox: &Sandbox) {
    let replicas = |number: Option<u32>| {
        let mut desired = sandbox.desired();
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
        sandbox.kubectl(&["get", "deployment", "web", "-o", path])
    };
    sandbox.apply_all(&replicas(Some(3))).await;
    let before = number();
    assert!(before.starts_with("3 "), "{before}");
    let plan = sandbox.plan(&scaled(2)).await;
    let line = "~ update Deployment web its autoscaler takes over its replicas (3)";
    assert!(plan.contains(line), "{plan}");
    sandbox.apply_all(&scaled(2)).await;
    // The number never changed, not even for a moment: the generation would show it.
    assert_eq!(number(), before);
    assert_eq!(sandbox.apply_all(&scaled(2)).await.mutating_calls, 0);

    // The autoscaler's number stays, and is taken back when the autoscaler is removed.
    sandbox.apply_all(&scaled(4)).await;
    for _ in 0..120 {
        if number().starts_with("4 ") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert!(number().starts_with("4 "), "{}", number());
    assert_eq!(sandbox.apply_all(&scaled(4)).await.mutating_calls, 0);
    sandbox.apply_all(&replicas(Some(2))).await;
    assert!(number().starts_with("2 "), "{}", number());
    assert!(sandbox.names("hpa").is_empty());
    assert_eq!(
        sandbox.apply_all(&replicas(Some(2))).await.mutating_calls,
        0
    );
}

/// A template for the names of the pods that are not being removed.
const STAYING: &str = "go-template={{range .items}}{{if not .metadata.deletionTimestamp}}\
                       {{.metadata.name}}{{end}}{{end}}";

pub(super) async fn a_secret_follows_its_provider(sandbox: &Sandbox) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.container("Deployment", "web")["env"] = json!([{"name": "TOKEN", "valueFrom": {
        "secretKeyRef": {"name": "token", "key": "value"},
    }}]);
    let mut brought = |provider| {
        desired.engine.secrets = vec![CreatedSecret {
            name: "token".to_owned(),
            key: "value".to_owned(),
            encoded: false,
            provider,
            shared_from: None,
            component: None,
            team: "storefront".to_owned(),
            labels: labels(&sandbox.system, None),
        }];
        desired.clone()
    };
    let value = || {
        let path = "go-template={{.data.value|base64decode}}";
        sandbox.kubectl(&["get", "secret", "token", "-o", path])
    };
    std::fs::write(&path, "hunter2\n").unwrap();
    let file = brought(SecretProvider::File(path.display().to_string()));
    sandbox.apply_all(&file).await;
    assert_eq!(value(), "hunter2");
    assert_eq!(sandbox.apply_all(&file).await.mutating_calls, 0);

    std::fs::write(&path, "hunter3\n").unwrap();
    let plan = sandbox.plan(&file).await;
    let line = "~ update Secret token its provider's value changed [storefront]";
    assert!(plan.contains(line) && !plan.contains("hunter"), "{plan}");
    let line = "> run Deployment web the value of secret `token` changed [storefront]";
    assert!(plan.contains(line), "{plan}");
    let pods = || sandbox.kubectl(&["get", "pods", "-o", STAYING]);
    let before = pods();
    sandbox.apply_all(&file).await;
    assert_eq!(value(), "hunter3");
    assert_ne!(pods(), before, "its readers restart");
    assert_eq!(sandbox.apply_all(&file).await.mutating_calls, 0);
    // An apply that was killed in between is completed.
    sandbox.kubectl(&[
        "annotate",
        "secret",
        "token",
        "--overwrite",
        "kcc.dev/secret-changed-at=2999-01-01T00:00:00Z",
    ]);
    let plan = sandbox.plan(&file).await;
    assert!(plan.contains(line), "{plan}");

    let command = ["printf", "hunter%s", "4"].map(str::to_owned).to_vec();
    sandbox
        .apply_all(&brought(SecretProvider::Command(command)))
        .await;
    assert_eq!(value(), "hunter4");
    let recorder = sandbox.recorder.lines();
    assert!(!recorder.iter().any(|line| line.contains("hunter")));
    assert!(!sandbox.record_text().contains("hunter"));

    // An apply that has seen nothing to do while another one runs waits for it.
    let pausing = brought(sandbox.pausing_provider());
    sandbox.unpause();
    sandbox.apply_all(&pausing).await;
    let record = sandbox.record().await;
    let overtaken = sandbox.apply_overtaken(&pausing, &record).await;
    assert_eq!(overtaken.unwrap_err().code, Code::ApplyLockHeld);
    sandbox.apply_all(&file).await;

    // An apply without a value changes nothing.
    let unset = brought(SecretProvider::Env("UNSET".to_owned())).finish();
    let cancel = kcc_plan::Cancel::new();
    let failed = kcc_kube::apply(&unset, &sandbox.options(), &sandbox.recorder, &cancel).await;
    assert_eq!(failed.unwrap_err().code, Code::ApplySecret);
    assert_eq!(value(), "hunter3");
}

pub(super) async fn a_changed_job_runs_again(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let args = ["migrate", "--dial", "kubernetes.default:443"];
    desired.job("migrate", "migrate-1", &args);
    sandbox.apply_all(&desired).await;
    desired.remove("migrate");
    desired.job(
        "migrate",
        "migrate-2",
        &[&args[..], &["--within", "20s"]].concat(),
    );
    let text = sandbox.plan(&desired).await;
    for line in [
        "- delete Job migrate-1 replaced by a new one",
        "+ create Job migrate-2 does not exist",
    ] {
        assert!(text.contains(line), "{text}");
    }
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.names("jobs"), ["job.batch/migrate-2"]);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_plan_is_applied_as_shown_or_not_at_all(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    let planned = async |desired: &Draft| {
        let plan = sandbox.plan_with(desired, &sandbox.options()).await;
        let file = PlanFile::new(&plan, &desired.finish(), sandbox.options().choices());
        Options {
            planned: Some(Arc::new(PlanFile::parse(&file.to_text()).unwrap())),
            ..sandbox.options()
        }
    };
    // The plan creates the namespace, before the lock that is in it.
    let options = planned(&desired).await;
    let report = sandbox.apply_with(&desired, &options).await;
    assert!(report.is_complete(), "{report:#?}");
    let refused = async |desired: &Draft, options: &Options, why: &str| {
        let (whole, cancel) = (desired.finish(), Cancel::new());
        let before = sandbox.versions();
        let applied = kcc_kube::apply(&whole, options, &sandbox.recorder, &cancel).await;
        let error = applied.unwrap_err();
        assert_eq!(error.code, Code::ApplyStalePlan, "{}", error.chain());
        assert!(error.message.contains(why), "{}", error.message);
        assert_eq!(sandbox.versions(), before, "a refusal changes nothing");
    };
    refused(&desired, &options, "is no longer needed").await;
    // Somebody else applies: the same field has to be changed, but from another value.
    desired.manifest("Service", "web")["spec"]["ports"][0]["port"] = json!(81);
    let options = planned(&desired).await;
    let mut other = desired.clone();
    other.manifest("Service", "web")["spec"]["ports"][0]["port"] = json!(82);
    sandbox.apply_all(&other).await;
    let why = "update Service `web` would do something else";
    refused(&desired, &options, why).await;
    let options = planned(&desired).await;
    assert!(sandbox.apply_with(&desired, &options).await.is_complete());
}

pub(super) async fn one_component_is_applied_with_its_needs(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("cart");
    desired.serve("web");
    desired.serve("mail");
    desired.object("v1", "ConfigMap", "used", None, json!({"data": {"a": "1"}}));
    desired.object(
        "v1",
        "ConfigMap",
        "other",
        None,
        json!({"data": {"a": "1"}}),
    );
    for (component, config) in [("cart", "used"), ("mail", "other")] {
        let reference = json!([{"configMapRef": {"name": config}}]);
        desired.container("Deployment", component)["envFrom"] = reference;
    }
    let only = Options {
        request: Request::Only(BTreeSet::from(["cart".to_owned()])),
        ..sandbox.options()
    };
    let report = sandbox.apply_with(&desired, &only).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(sandbox.names("deployments"), ["deployment.apps/cart"]);
    let configs = || {
        let path = "jsonpath={range .items[*]}{.metadata.name}={.data.a} {end}";
        let own = "-l=app.kubernetes.io/managed-by=kcc";
        sandbox.kubectl(&["get", "configmaps", own, "-o", path])
    };
    assert!(
        configs().contains("used=1") && !configs().contains("other"),
        "{}",
        configs()
    );
    sandbox.apply_all(&desired).await;
    // Others change, and one is no longer declared.
    for config in ["used", "other"] {
        desired.manifest("ConfigMap", config)["data"]["a"] = json!("2");
    }
    let port = json!(8081);
    desired.manifest("Service", "web")["spec"]["ports"][0]["port"] = port;
    desired.remove("mail");
    let report = sandbox.apply_with(&desired, &only).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(report.planned, 1, "{report:#?}");
    assert!(
        configs().contains("used=2") && configs().contains("other=1"),
        "{}",
        configs()
    );
    assert!(
        sandbox
            .names("deployments")
            .contains(&"deployment.apps/mail".to_owned())
    );
    // The rest is as recorded, and the next apply finds it.
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().deleted, 1, "{report:#?}");
}

pub(super) async fn undeclared_objects_are_removed(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.database("orders");
    sandbox.apply_all(&desired).await;
    desired.remove("orders");
    desired.engine.secrets.clear();
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().deleted, 1);
    assert_eq!(sandbox.names("statefulsets,services"), ["service/web"]);
    assert_eq!(
        sandbox.names("persistentvolumeclaims"),
        ["persistentvolumeclaim/data-orders-0"]
    );
    assert_eq!(sandbox.names("secrets"), ["secret/orders-password"]);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    // The remaining objects are still recorded.
    sandbox.down(&desired, true).await;
    assert!(!sandbox.exists());
}

pub(super) async fn down_keeps_the_data_without_volumes(sandbox: &Sandbox) {
    let desired = chain(sandbox);
    sandbox.apply_all(&desired).await;
    let path = "jsonpath={.data.value}";
    let password = sandbox.kubectl(&["get", "secret", "orders-password", "-o", path]);
    let report = sandbox.down(&desired, false).await;
    assert_eq!(report.totals().deleted, 3);
    let left = sandbox.names("deployments,statefulsets,jobs,pods,services,secrets,pvc");
    assert_eq!(
        left,
        [
            "secret/orders-password",
            "persistentvolumeclaim/data-orders-0"
        ]
    );
    assert_eq!(sandbox.down(&desired, false).await.mutating_calls, 0);
    // It comes up again with its data and the secret that unlocks it.
    sandbox.apply_all(&desired).await;
    let again = sandbox.kubectl(&["get", "secret", "orders-password", "-o", path]);
    assert_eq!(again, password);
    // An unmanaged object in the namespace keeps the namespace.
    sandbox.kubectl(&["create", "configmap", "notes", "--from-literal=a=b"]);
    sandbox.down(&desired, true).await;
    assert!(sandbox.names("pvc,secrets,pods,deployments").is_empty());
    let mut maps = sandbox.names("configmaps");
    maps.retain(|map| !map.contains("kube-root-ca"));
    assert!(maps.contains(&"configmap/notes".to_owned()), "{maps:?}");
    assert!(
        sandbox
            .recorder
            .lines()
            .iter()
            .any(|line| line.contains("it contains ConfigMap `notes`, which kcc does not manage"))
    );
    sandbox.kubectl(&["delete", "configmap", "notes"]);
    sandbox.down(&desired, true).await;
    assert!(!sandbox.exists());
}

/// Restarts components.
async fn restart(sandbox: &Sandbox, desired: &Draft, names: &[&str]) -> Result<ApplyReport, Error> {
    let mut options = sandbox.options();
    let names = names.iter().map(|name| (*name).to_owned());
    options.request = Request::Restart(names.collect());
    let (desired, cancel) = (desired.finish(), Cancel::new());
    kcc_kube::apply(&desired, &options, &sandbox.recorder, &cancel).await
}

pub(super) async fn a_restart_leaves_no_difference(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.database("orders");
    desired.serve("web");
    desired.serve("cart");
    sandbox.apply_all(&desired).await;
    let pods = |component: &str| {
        let label = format!("app.kubernetes.io/name={component}");
        let uids = "go-template={{range .items}}{{if not .metadata.deletionTimestamp}}\
                    {{.metadata.uid}}{{end}}{{end}}";
        sandbox.kubectl(&["get", "pods", "-l", &label, "-o", uids])
    };
    let before = ["orders", "web", "cart"].map(pods);
    let report = restart(sandbox, &desired, &["orders", "web"])
        .await
        .unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let outcomes: Vec<_> = report.components.values().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Outcome::Updated; 2], "{report:#?}");
    let after = ["orders", "web", "cart"].map(pods);
    let same: Vec<_> = before
        .iter()
        .zip(&after)
        .map(|(old, new)| old == new)
        .collect();
    assert_eq!(same, [false, false, true], "{before:?} {after:?}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    assert!(sandbox.head().get("lock").is_none(), "{:#}", sandbox.head());

    // A restart changes nothing, and needs something to restart.
    desired.container("Deployment", "web")["env"] = json!([{"name": "LEVEL", "value": "debug"}]);
    let error = restart(sandbox, &desired, &["web"]).await.unwrap_err();
    assert_eq!(error.code, Code::PlanOutdated, "{}", error.chain());
    assert_eq!(
        restart(sandbox, &desired, &["cart"])
            .await
            .unwrap()
            .exit_code(),
        0
    );
    desired.serve("queue");
    let error = restart(sandbox, &desired, &["queue"]).await.unwrap_err();
    assert_eq!(error.code, Code::PlanNotRunning, "{}", error.chain());
}
