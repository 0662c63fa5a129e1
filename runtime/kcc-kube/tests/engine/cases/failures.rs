//! Failures are reported with their reason and affect only their dependents.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use kcc_diag::Code;
use kcc_model::{Build, Until};
use kcc_plan::{ApplyReport, Cancel, Failure, LogLine, LogOptions, Options, Outcome, State};
use serde_json::json;

use crate::kubernetes::{Draft, Sandbox};

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

pub(super) async fn an_unready_component_is_reported_with_its_reason(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
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
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    for (component, text) in [
        ("web", "health check failed: status 404 (after 30 s)"),
        ("crash", "crash loop: exit code 1"),
        ("lost", "image `acme/lost:1` cannot be pulled"),
        (
            "big",
            "pod cannot be scheduled: no node has 900Gi memory free",
        ),
        ("locked", "Secret `stripe` does not exist"),
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
    let lost = |failure: &&Failure| failure.component.as_deref() == Some("lost");
    let help = report.failures.iter().find(lost).unwrap().help.clone();
    assert!(help.unwrap().contains(build), "{report:#?}");
    let status = sandbox.status(&desired).await;
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
    // Once the missing Secret exists, the same apply continues from there.
    sandbox.kubectl(&[
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
    sandbox.apply_all(&desired).await;
}

/// A rollout that cannot recover ends well before its deadline, with the cause, and
/// the previous revision keeps running. The cause is reported until it is fixed.
pub(super) async fn a_stuck_rollout_ends_early_and_its_cause_stays(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    for name in ["crash", "lost", "invalid", "fine"] {
        desired.serve(name);
    }
    for component in desired.components.values_mut() {
        component.deadline_ms = 300_000;
    }
    sandbox.apply_all(&desired).await;
    let good = desired.clone();
    desired.container("Deployment", "crash")["args"] = json!(["serve", "--wrong"]);
    desired.container("Deployment", "lost")["image"] = json!("acme/lost:1");
    desired.container("Deployment", "invalid")["image"] = json!("Acme/lost:1");
    desired.container("Deployment", "fine")["env"] = json!([{"name": "A", "value": "b"}]);
    let begin = Instant::now();
    let report = sandbox.apply(&desired).await;
    // The kubelet restarts a container once before it reports a crash loop.
    assert!(
        begin.elapsed() < Duration::from_mins(1),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(report.exit_code(), 4);
    let causes = [
        ("crash", "crash loop: exit code 1"),
        ("lost", "image `acme/lost:1` cannot be pulled"),
        ("invalid", "image name `Acme/lost:1` is not valid"),
    ];
    let old = "; 1 replica of the previous revision still runs";
    for (name, cause) in causes {
        let why = why(&report, name);
        assert!(why.contains(cause) && why.contains(old), "{name}: {why}");
        assert_eq!(report.components[name].outcome, Outcome::Failed);
    }
    assert!(detail(&report, "crash").contains("-wrong"), "{report:#?}");
    assert_eq!(report.components["fine"].outcome, Outcome::Updated);

    // The cause stays whatever the kubelet does meanwhile.
    for _ in 0..8 {
        let status = sandbox.status(&desired).await;
        assert!(!status.is_ready());
        for (name, cause) in causes {
            let component = &status.components[name];
            let why = component.why.clone().unwrap_or_default();
            assert!(why.contains(cause), "{name}: {why}");
            assert_eq!(component.state, State::Failed, "{name}");
        }
        let plan = sandbox.plan(&desired).await;
        assert!(
            plan.contains("3 not ready") && !plan.contains("nothing to do"),
            "{plan}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Another apply reports it at once, and the good state can be restored.
    let begin = Instant::now();
    assert_eq!(sandbox.apply(&desired).await.exit_code(), 4);
    assert!(
        begin.elapsed() < Duration::from_secs(45),
        "{:?}",
        begin.elapsed()
    );
    // With patience it waits for a repair until the time is over.
    let patient = Options {
        keep_waiting: true,
        timeout_ms: Some(4_000),
        ..sandbox.options()
    };
    let report = sandbox.apply_with(&desired, &patient).await;
    let why = why(&report, "invalid");
    assert!(why.contains("(after 4 s)"), "{why}");
    sandbox.apply_all(&good).await;
    assert!(sandbox.status(&good).await.is_ready());
}

/// The reason of a failed apply stays even if the previous revision serves.
pub(super) async fn a_failed_apply_stays_in_the_status(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());

    // An apply that is stopped before it changes anything.
    desired.container("Deployment", "web")["env"] = json!([{"name": "A", "value": "b"}]);
    sandbox.keeps_the_reason_of_a_stopped_apply(&desired).await;

    // An apply that fails without an operation, and one that resolves it.
    sandbox.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    sandbox.kubectl(&["rollout", "status", "deployment", "web"]);
    let report = sandbox.apply(&desired).await;
    assert_eq!((report.exit_code(), report.planned), (4, 0));
    let status = sandbox.status(&desired).await;
    let unapplied = status.components["web"]
        .unapplied
        .clone()
        .unwrap_or_default();
    assert!(unapplied.contains("spec.replicas"), "{unapplied}");
    assert!(!status.is_ready());
    desired.manifest("Deployment", "web")["spec"]["replicas"] = json!(2);
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn logs_include_the_previous_run(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.serve("crash");
    desired.container("Deployment", "crash")["args"] = json!(["serve", "--wrong"]);
    assert_eq!(sandbox.apply(&desired).await.exit_code(), 4);
    let mut lines = Vec::new();
    let mut write = |line: LogLine| {
        lines.push(line);
        ControlFlow::Continue(())
    };
    let (full, options) = (desired.finish(), sandbox.options());
    let wanted = LogOptions::default();
    let mut warn = |text: &str| panic!("{text}");
    let report = kcc_kube::logs(&full, &options, &wanted, &mut warn, &mut write).await;
    assert!(report.unwrap().failures.is_empty());
    for (component, text) in [
        ("web", "listening on :8080"),
        ("crash", "flag provided but not defined: -wrong"),
    ] {
        let own = |line: &&LogLine| line.component == component && line.text.contains(text);
        let line = lines.iter().find(own);
        let line = line.unwrap_or_else(|| panic!("no `{text}`: {lines:#?}"));
        assert!(
            line.container.starts_with(&format!("{component}-")),
            "{line:?}"
        );
        assert!(!line.machine.is_empty() && line.time.is_some(), "{line:?}");
    }

    // With an end in sight, following does not wait for a silent container.
    let mut write = |line: LogLine| {
        assert_eq!(line.component, "web");
        ControlFlow::Break(())
    };
    let wanted = LogOptions {
        components: ["web".to_owned()].into(),
        follow: true,
        ..LogOptions::default()
    };
    let reading = kcc_kube::logs(&full, &options, &wanted, &mut warn, &mut write);
    let read = tokio::time::timeout(Duration::from_secs(30), reading).await;
    assert_eq!(read.unwrap().unwrap().sources, 1);
}

pub(super) async fn zero_replicas_are_not_awaited(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    for number in 0..40 {
        let name = format!("web{number}");
        desired.serve(&name);
        desired.manifest("Deployment", &name)["spec"]["replicas"] = json!(0);
    }
    let report = sandbox.apply_all(&desired).await;
    // The namespace, 80 objects and kcc's records; the lock is renewed as long as
    // it takes.
    assert!(report.mutating_calls < 100, "{}", report.mutating_calls);
    // Removing a running replica is awaited.
    desired.manifest("Deployment", "web0")["spec"]["replicas"] = json!(1);
    sandbox.apply_all(&desired).await;
    desired.manifest("Deployment", "web0")["spec"]["replicas"] = json!(0);
    sandbox.apply_all(&desired).await;
    let staying = "go-template={{range .items}}{{if not .metadata.deletionTimestamp}}\
                   {{.metadata.name}}{{end}}{{end}}";
    assert_eq!(sandbox.kubectl(&["get", "pods", "-o", staying]), "");
}

pub(super) async fn a_failed_job_reports_its_exit_code(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.job("migrate", "migrate-1", &["no-such-command"]);
    desired.serve("web");
    desired.after("web", "migrate", Until::Completed);
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let why = why(&report, "migrate");
    assert!(why.contains("no retries left: exit code"), "{why}");
    assert!(
        detail(&report, "migrate").contains("no-such-command"),
        "{report:#?}"
    );
    assert_eq!(report.components["web"].outcome, Outcome::Skipped);
    // Another apply tries again.
    let text = sandbox.plan(&desired).await;
    assert!(
        text.contains(
            "± replace Job migrate-1 did not complete (BackoffLimitExceeded); running it again"
        ),
        "{text}"
    );
}

pub(super) async fn what_cannot_fit_changes_nothing(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.container("Deployment", "web")["resources"] =
        json!({"requests": {"memory": "16Mi"}, "limits": {"memory": "32Mi"}});
    sandbox.apply_all(&desired).await;
    let kubectl = |args: &[&str]| sandbox.kubectl(args);
    let hard = "--hard=requests.memory=40Mi,pods=3";
    kubectl(&["create", "quota", "team", hard]);
    let settled = || kubectl(&["get", "quota", "team", "-o", "jsonpath={.status.used.pods}"]);
    let begin = Instant::now();
    while settled() != "1" && begin.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let before = sandbox.versions();
    // What fits is applied, and what does not is named with its numbers.
    desired.manifest("Deployment", "web")["spec"]["replicas"] = json!(3);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::PlanQuota);
    assert_eq!(
        error.message,
        format!(
            "quota `team` of namespace `{}` allows 40Mi of `requests.memory`: 16Mi are used, and \
             this apply needs 32Mi more (`web` 48Mi in all)",
            sandbox.system
        )
    );
    assert_eq!(sandbox.versions(), before);
    desired.manifest("Deployment", "web")["spec"]["replicas"] = json!(2);
    sandbox.apply_all(&desired).await;

    let file = sandbox.root.path().join("range.json");
    let range = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "sizes"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "24Mi"}}]},
    });
    std::fs::write(&file, range.to_string()).unwrap();
    kubectl(&["create", "--filename", &file.display().to_string()]);
    let before = sandbox.versions();
    // A workload that stays as it is may be outside a range that came later.
    sandbox.apply_all(&desired).await;
    desired.container("Deployment", "web")["env"] = json!([{"name": "LOG", "value": "debug"}]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::PlanLimitRange);
    assert!(
        error.message.contains("has a limit of 32Mi memory"),
        "{}",
        error.message
    );
    assert_eq!(sandbox.versions(), before);
}

pub(super) async fn a_rejected_object_changes_nothing(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    let before = sandbox.versions();
    desired.manifest("Service", "web")["metadata"]["labels"]["x"] = json!("y");
    desired.manifest("Deployment", "web")["spec"]["replica"] = json!(2);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::ApplyRefused);
    let message = error.chain();
    assert!(
        message.starts_with("the cluster rejects Deployment `web`:") && message.contains("replica"),
        "{message}"
    );
    assert_eq!(
        sandbox.versions(),
        before,
        "the lock was not left behind either"
    );
    desired.manifest("Deployment", "web")["spec"]["replica"] = json!(null);
    desired.object("example.com/v1", "Widget", "w", Some("web"), json!({}));
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        "the cluster does not serve kind `Widget` in `example.com/v1`"
    );
    assert_eq!(sandbox.versions(), before);
}

pub(super) async fn an_immutable_change_replaces_unless_data_is_lost(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.database("orders");
    sandbox.apply_all(&desired).await;
    let selector = &mut desired.manifest("Deployment", "web")["spec"];
    selector["selector"]["matchLabels"]["tier"] = json!("front");
    selector["template"]["metadata"]["labels"]["tier"] = json!("front");
    let text = sandbox.plan(&desired).await;
    assert!(
        text.contains("± replace Deployment web") && text.contains("which requires a replacement"),
        "{text}"
    );
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().replaced, 1);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    let claim = &mut desired.manifest("StatefulSet", "orders")["spec"]["volumeClaimTemplates"][0];
    claim["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
    let before = sandbox.versions();
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::PlanImmutable);
    assert!(
        error
            .help
            .unwrap()
            .contains("--recreate statefulset/orders"),
        "{}",
        error.message
    );
    assert_eq!(sandbox.versions(), before);
}

pub(super) async fn what_has_data_is_recreated_on_request(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.database("orders");
    let size = |size: &str| json!({"requests": {"storage": size}});
    let claim = json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": size("1Gi")}});
    desired.object(
        "v1",
        "PersistentVolumeClaim",
        "web-logs",
        Some("web"),
        claim,
    );
    let pod = &mut desired.manifest("Deployment", "web")["spec"]["template"]["spec"];
    pod["volumes"] = json!([{"name": "logs", "persistentVolumeClaim": {"claimName": "web-logs"}}]);
    pod["containers"][0]["volumeMounts"] = json!([{"name": "logs", "mountPath": "/logs"}]);
    sandbox.apply_all(&desired).await;
    let uid = |kind: &str, name: &str| sandbox.uid(kind, name);
    let data = uid("pvc", "data-orders-0");
    let logs = uid("pvc", "web-logs");

    let claim = &mut desired.manifest("StatefulSet", "orders")["spec"]["volumeClaimTemplates"][0];
    claim["spec"]["resources"] = size("2Gi");
    let mut options = Options {
        recreate: ["statefulset/orders".to_owned()].into(),
        ..sandbox.options()
    };
    let report = sandbox.apply_with(&desired, &options).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(uid("pvc", "data-orders-0"), data, "the claim stays");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    let claim = &mut desired.manifest("StatefulSet", "orders")["spec"]["volumeClaimTemplates"][0];
    claim["spec"]["resources"] = size("3Gi");
    desired.manifest("PersistentVolumeClaim", "web-logs")["spec"]["accessModes"] =
        json!(["ReadWriteMany"]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.refusals.len(), 2, "{}", error.message);
    options.recreate = [
        "orders".to_owned(),
        "persistentvolumeclaim/web-logs".to_owned(),
    ]
    .into();
    options.volumes = true;
    let report = sandbox.apply_with(&desired, &options).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_ne!(uid("pvc", "data-orders-0"), data, "its data was discarded");
    assert_ne!(uid("pvc", "web-logs"), logs, "its data was discarded");
    for options in [&options, &sandbox.options()] {
        let report = sandbox.apply_with(&desired, options).await;
        assert_eq!(report.mutating_calls, 0, "{report:#?}");
    }

    // A claim that somebody removes is in use until its user lets it go.
    let delete = ["delete", "pvc", "web-logs", "--wait=false"];
    sandbox.kubectl(&delete);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(error.code, Code::PlanImmutable, "{}", error.message);
    let report = sandbox.apply_with(&desired, &options).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn an_unreachable_cluster_is_named(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let text = std::fs::read_to_string(sandbox.testbed.kubeconfig()).unwrap();
    std::fs::write(&path, text.replace(":6443", ":1")).unwrap();
    let mut options = sandbox.options();
    options
        .env
        .insert("KUBECONFIG".to_owned(), path.display().to_string());
    let fails = async |desired: &Draft, options: &Options| {
        let (desired, cancel) = (desired.finish(), Cancel::new());
        let failed = kcc_kube::apply(&desired, options, &sandbox.recorder, &cancel).await;
        failed.unwrap_err()
    };
    let error = fails(&desired, &options).await;
    assert_eq!(
        (error.code, error.exit_code()),
        (Code::PlanKubeUnreachable, 3)
    );
    let message = error.chain();
    assert!(
        message.starts_with("cannot reach the cluster at `")
            && message.contains(":1`: Connection refused"),
        "{message}"
    );
    desired.engine.context = Some("nowhere".to_owned());
    let error = fails(&desired, &options).await;
    assert_eq!((error.code, error.exit_code()), (Code::PlanNoContext, 3));
    assert!(
        error
            .message
            .starts_with("context `nowhere` not found in `")
    );
    assert_eq!(
        error.help.unwrap(),
        "select `kcc-bed` with `--context` or in the target"
    );
}
