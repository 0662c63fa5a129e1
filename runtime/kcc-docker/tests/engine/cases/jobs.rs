//! Jobs with several runs and containers that run on demand.

use kcc_lower::docker::Restart;
use kcc_plan::{Outcome, State};

use super::literal;
use crate::docker::Sandbox;

pub(super) async fn a_cron_job_is_created_and_runs_on_demand(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let nightly = desired.script("nightly", "echo $GREETING");
    (nightly.on_demand, nightly.restart) = (true, Restart::No);
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.inspect("nightly", "{{.State.Status}}"), "created");
    let events = sandbox.recorder.lines();
    let line = format!(
        "cron jobs are not scheduled on Docker; run one with `docker start -a {}`",
        sandbox.name("nightly")
    );
    assert!(
        events.iter().any(|event| event.contains(&line)),
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
