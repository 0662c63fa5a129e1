//! Workloads on every node, init steps and sidecars.

use kcc_plan::{Outcome, State};
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
