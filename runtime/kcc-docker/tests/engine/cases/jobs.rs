//! Jobs of several runs, and those that run whenever somebody starts them.

use kcc_lower::docker::Restart;
use kcc_plan::{Outcome, State};

use super::literal;
use crate::docker::Place;

pub(super) async fn a_cron_job_is_made_and_runs_when_somebody_starts_it(place: &Place) {
    let mut desired = place.desired();
    let nightly = desired.script("nightly", "echo $GREETING");
    (nightly.on_demand, nightly.restart) = (true, Restart::No);
    place.apply_all(&desired).await;
    assert_eq!(place.inspect("nightly", "{{.State.Status}}"), "created");
    let said = place.heard.lines();
    let line = format!(
        "cron jobs are not scheduled on Docker: `docker start -a {}` runs one",
        place.name("nightly")
    );
    assert!(said.iter().any(|event| event.contains(&line)), "{said:?}");
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    let state = place.status(&desired).await.components["nightly"].state;
    assert_eq!(state, State::Stopped);

    desired
        .container("nightly")
        .env
        .insert("GREETING".to_owned(), literal("good night"));
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["nightly"].outcome, Outcome::Replaced);
    assert_eq!(place.inspect("nightly", "{{.State.Status}}"), "created");
    let name = place.name("nightly");
    assert_eq!(place.bed.docker(&["start", "-a", &name]), "good night");
    let status = place.status(&desired).await;
    assert_eq!(status.components["nightly"].state, State::Completed);
    assert!(status.ready());
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    assert_eq!(place.bed.docker(&["start", "-a", &name]), "good night");
    place.down(&desired, true).await;
    assert!(place.list("container").is_empty());
}

pub(super) async fn no_more_runs_go_on_at_once_than_are_allowed(place: &Place) {
    let mut desired = place.desired();
    desired.script("index", "busybox sleep 1");
    desired.job("index");
    let first = place.name("index");
    desired.again("index", 2).after = vec![first];
    let second = place.name("index-2");
    desired.again("index", 3).after = vec![second];
    place.apply_all(&desired).await;
    let times: Vec<_> = ["index", "index-2", "index-3"]
        .into_iter()
        .flat_map(|name| {
            ["{{.State.StartedAt}}", "{{.State.FinishedAt}}"]
                .map(|format| place.inspect(name, format))
        })
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    let status = place.status(&desired).await;
    assert_eq!(status.components["index"].state, State::Completed);
    assert_eq!(status.components["index"].replicas, 3);
}
