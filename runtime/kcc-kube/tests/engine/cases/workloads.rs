//! Workloads on every node, init steps and sidecars.

use kcc_plan::{Outcome, Request, State};
use serde_json::{Value, json};

use crate::kubernetes::{Draft, IMAGE, Sandbox};

/// Turns a service into a `DaemonSet`.
fn everywhere(desired: &mut Draft, name: &str) {
    let deployment = desired.manifest("Deployment", name);
    let mut set = deployment.take();
    set["kind"] = json!("DaemonSet");
    if let Some(spec) = set["spec"].as_object_mut() {
        spec.remove("replicas");
    }
    let mut objects = desired.engine.objects.iter_mut();
    let object = objects
        .find(|object| object.kind == "Deployment" && object.name == name)
        .unwrap();
    "DaemonSet".clone_into(&mut object.kind);
    object.manifest = set;
}

fn migrate(name: &str, args: &[&str]) -> Value {
    json!({"name": name, "image": IMAGE, "args": args})
}

/// A sidecar that is ready once it answers.
fn proxy() -> Value {
    json!({
        "name": "proxy",
        "image": IMAGE,
        "args": ["serve", "--listen", ":9090"],
        "restartPolicy": "Always",
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 9090}, "periodSeconds": 1},
    })
}

const REACHES: [&str; 3] = ["migrate", "--dial", "kubernetes.default:443"];

pub(super) async fn a_daemon_set_comes_up_and_is_updated(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("agent");
    everywhere(&mut desired, "agent");
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let status = sandbox.status(&desired).await;
    let agent = &status.components["agent"];
    assert_eq!((agent.state, agent.ready), (State::Running, 1));
    let nodes = sandbox.kubectl(&["get", "nodes", "-o", "name"]);
    assert_eq!(agent.replicas as usize, nodes.lines().count());
    desired.container("DaemonSet", "agent")["env"] = json!([{"name": "A", "value": "b"}]);
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("~ update DaemonSet agent `env.A` changed"),
        "{plan}"
    );
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    sandbox.down(&desired, true).await;
}

pub(super) async fn init_steps_and_sidecars_run_with_a_container(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    let spec = &mut desired.manifest("Deployment", "web")["spec"]["template"]["spec"];
    spec["initContainers"] = json!([
        migrate("first", &REACHES),
        migrate("second", &REACHES),
        proxy()
    ]);
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["web"].state, State::Running);
    let step =
        &mut desired.manifest("Deployment", "web")["spec"]["template"]["spec"]["initContainers"][0];
    step["env"] = json!([{"name": "A", "value": "b"}]);
    let plan = sandbox.plan(&desired).await;
    assert!(plan.contains("~ update Deployment web `"), "{plan}");
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_failing_init_step_is_reported_with_its_log(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    let spec = &mut desired.manifest("Deployment", "web")["spec"]["template"]["spec"];
    spec["initContainers"] = json!([migrate("check", &["no-such-command"])]);
    desired.component("web").deadline_ms = 60_000;
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let web = &report.components["web"];
    assert_eq!(web.outcome, Outcome::Failed);
    let why = web.why.clone().unwrap_or_default();
    assert!(
        why.starts_with("init step `check`: crash loop: exit code"),
        "{why}"
    );
    let detail = format!("{:?}", report.failures);
    assert!(detail.contains("no-such-command"), "{detail}");
    let state = sandbox.status(&desired).await.components["web"].state;
    assert_ne!(state, State::Running);

    desired.job("index", "index-1", &REACHES);
    let spec = &mut desired.manifest("Job", "index-1")["spec"]["template"]["spec"];
    spec["initContainers"] = json!([migrate("check", &["no-such-command"])]);
    desired.remove("web");
    let report = sandbox.apply(&desired).await;
    let why = report.components["index"].why.clone().unwrap_or_default();
    assert!(
        why.contains("no retries left: init step `check`: exit code"),
        "{why}"
    );
}

pub(super) async fn a_job_ends_with_its_sidecar(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.job("index", "index-1", &REACHES);
    let spec = &mut desired.manifest("Job", "index-1")["spec"]["template"]["spec"];
    spec["initContainers"] = json!([proxy()]);
    sandbox.apply_all(&desired).await;
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["index"].state, State::Completed);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn manual_components_run_when_they_are_started(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    desired.serve("tool");
    desired.component("tool").manual = true;
    desired.job("task", "task-1", &["migrate", "--dial", "web:8080"]);
    desired.component("task").manual = true;

    // An apply creates nothing of them.
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components.len(), 1, "{report:#?}");
    assert_eq!(sandbox.names("deployments,jobs").len(), 1);
    let status = sandbox.status(&desired).await;
    assert!(status.is_ready(), "{status:#?}");
    let tool = &status.components["tool"];
    assert_eq!((tool.state, tool.manual), (State::Absent, true));

    // A started service stays, as it is declared.
    let report = sandbox.request(&desired, Request::Start, &["tool"]).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    desired.container("Deployment", "tool")["env"] = json!([{"name": "LEVEL", "value": "debug"}]);
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["tool"].outcome, Outcome::Updated);

    // A task runs once for each start, and no apply touches it.
    let report = sandbox.request(&desired, Request::Start, &["task"]).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let uid = || sandbox.kubectl(&["get", "jobs", "-o", "jsonpath={.items[*].metadata.uid}"]);
    let first = uid();
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let report = sandbox.request(&desired, Request::Start, &["task"]).await;
    assert_eq!(report.components["task"].outcome, Outcome::Replaced);
    assert_ne!(uid(), first);
    // A changed one has another name, and replaces the one before at the next start.
    let mut changed = sandbox.desired();
    changed.serve("web");
    changed.serve("tool");
    *changed.manifest("Deployment", "tool") = desired.manifest("Deployment", "tool").clone();
    changed.component("tool").manual = true;
    changed.job(
        "task",
        "task-2",
        &["migrate", "--dial", "web:1", "--within", "0s"],
    );
    changed.component("task").manual = true;
    assert_eq!(sandbox.apply_all(&changed).await.mutating_calls, 0);
    let report = sandbox.request(&changed, Request::Start, &["task"]).await;
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    assert_eq!(sandbox.names("jobs"), ["job.batch/task-2"]);

    // A stopped component is gone.
    let report = sandbox
        .request(&changed, Request::Stop, &["tool", "task"])
        .await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(sandbox.names("deployments,jobs,services").len(), 2);
    assert_eq!(sandbox.apply_all(&changed).await.planned, 0);
}

pub(super) async fn a_cron_job_runs_when_it_is_started(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.job(
        "nightly",
        "nightly",
        &["migrate", "--dial", "web:1", "--within", "0s"],
    );
    desired.component("nightly").job = false;
    let object = desired.engine.objects.last_mut().unwrap();
    "CronJob".clone_into(&mut object.kind);
    let job = object.manifest["spec"].take();
    object.manifest["kind"] = json!("CronJob");
    object.manifest["spec"] = json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}});
    sandbox.apply_all(&desired).await;
    for _ in 0..2 {
        let report = sandbox
            .request(&desired, Request::Start, &["nightly"])
            .await;
        assert_eq!(report.exit_code(), 4, "{report:#?}");
        assert_eq!(sandbox.names("jobs"), ["job.batch/nightly-run"]);
        assert_eq!(sandbox.apply_all(&desired).await.planned, 0);
    }
}
