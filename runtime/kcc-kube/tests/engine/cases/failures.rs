//! What goes wrong is said, with its reason, and ends its own branch alone.

use std::time::{Duration, Instant};

use kcc_diag::Code;
use kcc_model::{Build, Until};
use kcc_plan::{ApplyReport, Cancel, Options, Outcome, State};
use serde_json::json;

use crate::kubernetes::{Draft, Place};

fn why(report: &ApplyReport, component: &str) -> String {
    let component = &report.components[component];
    component.why.clone().unwrap_or_default()
}

fn detail(report: &ApplyReport, component: &str) -> String {
    let failures = report.failures.iter();
    let own = failures.filter(|failure| failure.component.as_deref() == Some(component));
    own.flat_map(|failure| failure.detail.clone())
        .collect::<Vec<_>>()
        .join("\n")
}

pub(super) async fn a_component_that_is_never_ready_says_why(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    desired.container("Deployment", "web")["readinessProbe"]["httpGet"]["path"] = json!("/nowhere");
    desired.serve("crash");
    desired.container("Deployment", "crash")["args"] = json!(["serve", "--wrong"]);
    desired.serve("lost");
    desired.container("Deployment", "lost")["image"] = json!("acme/lost:1");
    desired.container("Deployment", "lost")["imagePullPolicy"] = json!("IfNotPresent");
    desired.engine.builds.push(Build {
        tag: "acme/lost:1".to_owned(),
        context: "app".to_owned(),
        file: "Dockerfile".to_owned(),
        args: std::collections::BTreeMap::new(),
        stage: None,
    });
    desired.serve("big");
    desired.container("Deployment", "big")["resources"] = json!({"requests": {"memory": "900Gi"}});
    desired.serve("locked");
    desired.container("Deployment", "locked")["env"] = json!([{"name": "KEY", "valueFrom": {
        "secretKeyRef": {"name": "stripe", "key": "api"},
    }}]);
    desired.serve("fine");
    desired.serve("needy");
    desired.after("needy", "web", Until::Healthy);
    for component in desired.components.values_mut() {
        component.deadline_ms = 30_000;
    }
    let report = place.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    for (component, text) in [
        (
            "web",
            "health check fails: HTTP probe failed with statuscode: 404 (after 30 s)",
        ),
        ("crash", "crash loop: exit code 1"),
        ("lost", "image cannot be pulled: acme/lost:1"),
        (
            "big",
            "pod cannot be scheduled: 0/1 nodes are available: 1 Insufficient memory",
        ),
        (
            "locked",
            "container cannot be created: secret \"stripe\" not found",
        ),
        ("needy", "it needs `web`, which is not ready"),
    ] {
        let why = why(&report, component);
        assert!(why.contains(text), "{component}: {why}");
    }
    assert_eq!(report.components["fine"].outcome, Outcome::Created);
    assert_eq!(report.components["needy"].outcome, Outcome::Skipped);
    assert!(
        detail(&report, "web").contains("listening on :8080"),
        "{report:#?}"
    );
    assert!(detail(&report, "crash").contains("-wrong"), "{report:#?}");
    let build = "`docker build -t acme/lost:1 -f app/Dockerfile app`";
    assert!(detail(&report, "lost").contains(build), "{report:#?}");
    let status = place.status(&desired).await;
    let state = |name: &str| status.components[name].state;
    assert_eq!(
        (state("web"), state("crash"), state("needy"), state("fine")),
        (
            State::Starting,
            State::Failed,
            State::Absent,
            State::Running
        )
    );
    // What was missing comes, and the same apply goes on from there.
    place.kubectl(&[
        "create",
        "secret",
        "generic",
        "stripe",
        "--from-literal=api=x",
    ]);
    for broken in ["web", "crash", "lost", "big", "needy"] {
        desired.remove(broken);
    }
    for component in desired.components.values_mut() {
        component.deadline_ms = 60_000;
    }
    place.apply_all(&desired).await;
}

/// A rollout that cannot recover ends well before its deadline, with the cause,
/// while what ran before goes on; and the cause stays until it is fixed.
pub(super) async fn what_cannot_recover_ends_at_once_and_its_cause_stays(place: &Place) {
    let mut desired = place.desired();
    for name in ["crash", "lost", "invalid", "fine"] {
        desired.serve(name);
    }
    for component in desired.components.values_mut() {
        component.deadline_ms = 300_000;
    }
    place.apply_all(&desired).await;
    let good = desired.clone();
    desired.container("Deployment", "crash")["args"] = json!(["serve", "--wrong"]);
    desired.container("Deployment", "lost")["image"] = json!("acme/lost:1");
    desired.container("Deployment", "invalid")["image"] = json!("Acme/lost:1");
    desired.container("Deployment", "fine")["env"] = json!([{"name": "A", "value": "b"}]);
    let begin = Instant::now();
    let report = place.apply(&desired).await;
    // The kubelet itself restarts a container once before it speaks of a loop.
    assert!(
        begin.elapsed() < Duration::from_mins(1),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(report.exit_code(), 4);
    let causes = [
        ("crash", "crash loop: exit code 1"),
        ("lost", "image cannot be pulled: acme/lost:1"),
        ("invalid", "image cannot be pulled: Acme/lost:1"),
    ];
    let old = "; 1 replica of the previous revision still runs";
    for (name, cause) in causes {
        let why = why(&report, name);
        assert!(why.contains(cause) && why.ends_with(old), "{name}: {why}");
        assert_eq!(report.components[name].outcome, Outcome::Failed);
    }
    assert!(detail(&report, "crash").contains("-wrong"), "{report:#?}");
    assert_eq!(report.components["fine"].outcome, Outcome::Updated);

    // The cause stays through all that the kubelet does meanwhile.
    for _ in 0..8 {
        let status = place.status(&desired).await;
        assert!(!status.ready());
        for (name, cause) in causes {
            let component = &status.components[name];
            let why = component.why.clone().unwrap_or_default();
            assert!(why.contains(cause), "{name}: {why}");
            assert_eq!(component.state, State::Failed, "{name}");
        }
        let plan = place.plan(&desired).await;
        assert!(
            plan.contains("3 not ready") && !plan.contains("nothing to do"),
            "{plan}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Another apply tells it at once, and the good state comes back.
    let begin = Instant::now();
    assert_eq!(place.apply(&desired).await.exit_code(), 4);
    assert!(
        begin.elapsed() < Duration::from_secs(45),
        "{:?}",
        begin.elapsed()
    );
    place.apply_all(&good).await;
    assert!(place.status(&good).await.ready());
}

pub(super) async fn nobody_waits_for_what_asks_for_no_replica(place: &Place) {
    let mut desired = place.desired();
    for number in 0..40 {
        let name = format!("web{number}");
        desired.serve(&name);
        desired.manifest("Deployment", &name)["spec"]["replicas"] = json!(0);
    }
    let report = place.apply_all(&desired).await;
    // The namespace, 80 objects, and what kcc keeps for itself: the lock is
    // renewed as long as it takes.
    assert!(report.mutating_calls < 100, "{}", report.mutating_calls);
    // One that ran is awaited until it is gone.
    desired.manifest("Deployment", "web0")["spec"]["replicas"] = json!(1);
    place.apply_all(&desired).await;
    desired.manifest("Deployment", "web0")["spec"]["replicas"] = json!(0);
    place.apply_all(&desired).await;
    let staying = "go-template={{range .items}}{{if not .metadata.deletionTimestamp}}\
                   {{.metadata.name}}{{end}}{{end}}";
    assert_eq!(place.kubectl(&["get", "pods", "-o", staying]), "");
}

pub(super) async fn a_job_that_fails_says_how(place: &Place) {
    let mut desired = place.desired();
    desired.job("migrate", "migrate-1", &["no-such-command"]);
    desired.serve("web");
    desired.after("web", "migrate", Until::Completed);
    let report = place.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let said = why(&report, "migrate");
    assert!(said.contains("no retries left: exit code"), "{said}");
    assert!(
        detail(&report, "migrate").contains("no-such-command"),
        "{report:#?}"
    );
    assert_eq!(report.components["web"].outcome, Outcome::Skipped);
    // Another apply is another try.
    let text = place.plan(&desired).await;
    assert!(
        text.contains(
            "± replace Job migrate-1 it did not complete (BackoffLimitExceeded), and runs again"
        ),
        "{text}"
    );
}

pub(super) async fn what_the_server_refuses_changes_nothing(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    place.apply_all(&desired).await;
    let before = place.versions();
    desired.manifest("Service", "web")["metadata"]["labels"]["x"] = json!("y");
    desired.manifest("Deployment", "web")["spec"]["replica"] = json!(2);
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::ApplyRefused);
    let said = error.chain();
    assert!(
        said.starts_with("the cluster refuses Deployment `web`:") && said.contains("replica"),
        "{said}"
    );
    assert_eq!(
        place.versions(),
        before,
        "not even the lock was taken for long"
    );
    desired.manifest("Deployment", "web")["spec"]["replica"] = json!(null);
    desired.object("example.com/v1", "Widget", "w", Some("web"), json!({}));
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        "the cluster knows no Widget of `example.com/v1`"
    );
    assert_eq!(place.versions(), before);
}

pub(super) async fn what_never_changes_is_replaced_but_not_its_data(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    desired.keep("orders");
    place.apply_all(&desired).await;
    let selector = &mut desired.manifest("Deployment", "web")["spec"];
    selector["selector"]["matchLabels"]["tier"] = json!("front");
    selector["template"]["metadata"]["labels"]["tier"] = json!("front");
    let text = place.plan(&desired).await;
    assert!(
        text.contains("± replace Deployment web") && text.contains("which no update can do"),
        "{text}"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!(report.totals().replaced, 1);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);

    let claim = &mut desired.manifest("StatefulSet", "orders")["spec"]["volumeClaimTemplates"][0];
    claim["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
    let before = place.versions();
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        "`volumeClaimTemplates` of StatefulSet `orders` cannot be changed without its data"
    );
    assert_eq!(place.versions(), before);
}

pub(super) async fn a_cluster_that_is_not_there_is_named(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = std::fs::read_to_string(place.bed.kubeconfig()).unwrap();
    std::fs::write(&path, text.replace(":6443", ":1")).unwrap();
    let mut options = place.options();
    options
        .env
        .insert("KUBECONFIG".to_owned(), path.display().to_string());
    let fails = async |desired: &Draft, options: &Options| {
        let (desired, cancel) = (desired.finish(), Cancel::new());
        let failed = kcc_kube::apply(&desired, options, &place.heard, &cancel).await;
        failed.unwrap_err()
    };
    let error = fails(&desired, &options).await;
    assert_eq!(
        (error.code, error.exit_code()),
        (Code::PlanKubeUnreachable, 3)
    );
    assert!(
        error
            .chain()
            .contains(":1` does not answer: Connection refused"),
        "{}",
        error.chain()
    );
    desired.engine.context = Some("nowhere".to_owned());
    let error = fails(&desired, &options).await;
    assert_eq!((error.code, error.exit_code()), (Code::PlanNoContext, 3));
    assert!(
        error
            .message
            .starts_with("there is no context `nowhere` in `")
    );
    assert_eq!(
        error.help.unwrap(),
        "name `kcc-bed` with `--context` or in the target"
    );
}
