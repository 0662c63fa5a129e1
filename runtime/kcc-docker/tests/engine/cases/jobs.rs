//! Jobs with several runs and containers that run on demand.

use kcc_lower::docker::{Mount, Restart};
use kcc_plan::{Outcome, Request, State};

use super::literal;
use crate::docker::Sandbox;

pub(super) async fn a_cron_job_is_created_and_runs_on_demand(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let nightly = desired.script("nightly", "echo $GREETING");
    (nightly.on_demand, nightly.restart) = (true, Restart::No);
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.inspect("nightly", "{{.State.Status}}"), "created");
    let events = sandbox.recorder.lines();
    let line =
        "cron jobs are not scheduled on Docker; run one with `kcc start nightly --target dev`";
    assert!(
        events.iter().any(|event| event.contains(line)),
        "{events:?}"
    );
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let state = sandbox.status(&desired).await.components["nightly"].state;
    assert_eq!(state, State::Stopped);

    desired
        .container("nightly")
        .env
        .insert("GREETING".to_owned(), literal("good night"));
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["nightly"].outcome, Outcome::Replaced);
    assert_eq!(sandbox.inspect("nightly", "{{.State.Status}}"), "created");
    let name = sandbox.name("nightly");
    assert_eq!(
        sandbox.testbed.docker(&["start", "-a", &name]),
        "good night"
    );
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["nightly"].state, State::Completed);
    assert!(status.is_ready());
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    assert_eq!(
        sandbox.testbed.docker(&["start", "-a", &name]),
        "good night"
    );
    sandbox.down(&desired, true).await;
    assert!(sandbox.list("container").is_empty());
}

pub(super) async fn parallelism_limits_concurrent_runs(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("index", "busybox sleep 1");
    desired.job("index");
    let first = sandbox.name("index");
    desired.replica("index", 2).after = vec![first];
    let second = sandbox.name("index-2");
    desired.replica("index", 3).after = vec![second];
    sandbox.apply_all(&desired).await;
    let times: Vec<_> = ["index", "index-2", "index-3"]
        .into_iter()
        .flat_map(|name| {
            ["{{.State.StartedAt}}", "{{.State.FinishedAt}}"]
                .map(|format| sandbox.inspect(name, format))
        })
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["index"].state, State::Completed);
    assert_eq!(status.components["index"].replicas, 3);
}

pub(super) async fn manual_components_run_when_they_are_started(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("web", "busybox sleep 600");
    desired.script("tool", "busybox sleep 600");
    desired.component("tool").manual = true;
    let volume = desired.volume("task", "data");
    desired
        .script("task", "echo ran; exit $CODE")
        .env
        .insert("CODE".to_owned(), literal("0"));
    let mounts = &mut desired.container("task").mounts;
    mounts.insert("/data".to_owned(), Mount::Volume(volume));
    desired.job("task");
    desired.component("task").manual = true;

    // An apply creates nothing of them.
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components.len(), 1, "{report:#?}");
    assert_eq!(sandbox.list("container"), [sandbox.name("web")]);
    assert!(sandbox.list("volume").is_empty());
    let status = sandbox.status(&desired).await;
    assert!(status.is_ready(), "{status:#?}");
    let tool = &status.components["tool"];
    assert_eq!((tool.state, tool.manual), (State::Absent, true));

    // A started service stays, as it is declared.
    let report = sandbox.request(&desired, Request::Start, &["tool"]).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(report.components["tool"].outcome, Outcome::Created);
    let first = sandbox.id("tool");
    assert_eq!(
        sandbox
            .request(&desired, Request::Start, &["tool"])
            .await
            .planned,
        0
    );
    assert_eq!(sandbox.apply_all(&desired).await.planned, 0);
    let tool = desired.container("tool");
    tool.env.insert("LEVEL".to_owned(), literal("debug"));
    sandbox.apply_all(&desired).await;
    assert_ne!(sandbox.id("tool"), first);

    // A task runs once for each start, and no apply touches it.
    let report = sandbox.request(&desired, Request::Start, &["task"]).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(report.components.len(), 1, "{report:#?}");
    let first = sandbox.id("task");
    let report = sandbox.request(&desired, Request::Start, &["task"]).await;
    assert_eq!(report.components["task"].outcome, Outcome::Replaced);
    assert_ne!(sandbox.id("task"), first);
    desired
        .container("task")
        .env
        .insert("CODE".to_owned(), literal("3"));
    assert_eq!(sandbox.apply_all(&desired).await.planned, 0);
    let report = sandbox.request(&desired, Request::Start, &["task"]).await;
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    let why = report.components["task"].why.clone().unwrap_or_default();
    assert!(why.contains("exit code 3"), "{why}");
    assert_eq!(sandbox.apply_all(&desired).await.planned, 0);

    // A stop removes its components, and a down everything.
    let report = sandbox.request(&desired, Request::Stop, &["tool"]).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let left = [sandbox.name("task"), sandbox.name("web")];
    assert_eq!(sandbox.list("container"), left);
    assert_eq!(sandbox.apply_all(&desired).await.planned, 0);
    sandbox.down(&desired, false).await;
    assert!(sandbox.list("container").is_empty());
}

pub(super) async fn a_cron_job_runs_when_it_is_started(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let nightly = desired.script("nightly", "echo ran; exit 3");
    nightly.on_demand = true;
    nightly.restart = Restart::No;
    // Started before any apply, and after one.
    for _ in 0..2 {
        let report = sandbox
            .request(&desired, Request::Start, &["nightly"])
            .await;
        assert_eq!(report.exit_code(), 4, "{report:#?}");
        let why = report.components["nightly"].why.clone().unwrap_or_default();
        assert!(why.contains("exit code 3"), "{why}");
        sandbox.apply_all(&desired).await;
    }
    let log = sandbox.testbed.docker(&["logs", &sandbox.name("nightly")]);
    assert_eq!(log.lines().count(), 2, "{log}");
}
