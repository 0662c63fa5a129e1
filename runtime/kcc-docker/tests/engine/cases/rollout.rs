//! An apply never loses what served before, and gives up early what cannot work.

use std::time::{Duration, Instant};

use kcc_lower::docker::Mount;
use kcc_model::EnvValue;
use kcc_plan::{Outcome, State};

use super::{detail, literal};
use crate::docker::{Place, get, publish};

/// The longest that an apply goes on once a crash loop is there, with time for a
/// machine that is busy.
const GIVEN_UP: Duration = Duration::from_secs(30);

pub(super) async fn a_crash_brings_the_old_one_back(place: &Place) {
    let mut desired = place.desired();
    // On a host port, beside each other, and with a volume of its own.
    desired.serve("web", &[]).ports.push(publish(8080, None));
    let volume = desired.volume("db", "data");
    let serve = "exec busybox sleep 1000";
    desired
        .script("db", serve)
        .mounts
        .insert("/data".to_owned(), Mount::Volume(volume));
    desired.script("queue", serve);
    place.apply_all(&desired).await;
    let names = ["db", "queue", "web"];
    let old = names.map(|name| place.id(name));
    let address = place.status(&desired).await.components["web"].addresses[0].clone();

    // At once, and a second later.
    for (round, script) in ["echo boom; exit 3", "echo boom; busybox sleep 1; exit 3"]
        .into_iter()
        .enumerate()
    {
        for name in names {
            let container = desired.container(name);
            crate::docker::BOX.clone_into(&mut container.image);
            container.command = Some(vec!["/bin/busybox".into(), "sh".into(), "-c".into()]);
            container.args = Some(vec![script.to_owned()]);
        }
        let begin = Instant::now();
        let report = place.apply(&desired).await;
        let took = begin.elapsed();
        assert!(took < GIVEN_UP, "{took:?}");
        assert_eq!(report.exit_code(), 4);
        for name in names {
            let component = &report.components[name];
            let why = component.why.clone().unwrap_or_default();
            assert_eq!(component.outcome, Outcome::Failed, "{why}");
            assert!(why.contains("crash loop: exit code 3"), "{why}");
            assert!(
                why.ends_with("the previous one was started again")
                    || why.ends_with("the previous one keeps running"),
                "{why}"
            );
            assert!(detail(&report, name).contains("boom"), "{report:#?}");
        }
        assert_eq!(names.map(|name| place.id(name)), old, "round {round}");
        assert_eq!(place.list("container"), names.map(|name| place.name(name)));
        assert!(get(&address).await.starts_with("HTTP/1.1 200"));
        // The reason stays until it is fixed, and the next plan says what comes.
        let status = place.status(&desired).await;
        assert!(!status.ready());
        let unapplied = status.components["queue"].unapplied.clone();
        let unapplied = unapplied.unwrap_or_default();
        assert!(unapplied.contains("crash loop: exit code 3"), "{unapplied}");
        let plan = place.plan(&desired).await;
        assert!(
            plan.contains("replace container SYSTEM-dev-queue")
                && plan.contains("(the last apply failed: the new"),
            "{plan}"
        );
    }
    for name in ["db", "queue"] {
        desired.container(name).args = Some(vec![serve.to_owned()]);
    }
    desired.remove("web");
    place.apply_all(&desired).await;
    assert!(place.status(&desired).await.ready());
}

pub(super) async fn a_crash_loop_is_no_all_clear(place: &Place) {
    let mut desired = place.desired();
    desired.script("crash", "echo the disk is full; exit 7");
    desired.script(
        "flaky",
        "test -f /tmp/up && exec busybox sleep 1000; : >/tmp/up; exit 1",
    );
    desired
        .container("flaky")
        .mounts
        .insert("/tmp".to_owned(), Mount::Shared("tmp".to_owned()));
    let begin = Instant::now();
    let report = place.apply(&desired).await;
    let took = begin.elapsed();
    assert!(took < GIVEN_UP, "{took:?}");
    assert_eq!(report.exit_code(), 4);
    // One that recovers is given the time to.
    assert_eq!(report.components["flaky"].outcome, Outcome::Created);
    let why = report.components["crash"].why.clone().unwrap_or_default();
    assert!(why.starts_with("crash loop: exit code 7 ("), "{why}");
    assert_eq!(
        detail(&report, "crash").lines().last(),
        Some("the disk is full")
    );
    let waits = place.heard.lines();
    let waits = waits.iter().filter(|line| line.contains("Waiting"));
    let waits = waits.filter(|line| line.contains("\"crash\""));
    assert!(waits.count() <= 2, "{:#?}", place.heard.lines());

    let plan = place.plan(&desired).await;
    assert!(!plan.contains("nothing to do"), "{plan}");
    assert!(
        plan.contains("! not ready container SYSTEM-dev-crash crash loop: exit code 7"),
        "{plan}"
    );
    let status = place.status(&desired).await;
    assert_eq!(status.components["crash"].state, State::Failed);
    assert!(!status.ready());
    // An apply that changes nothing says it again, and no later.
    let begin = Instant::now();
    let again = place.apply(&desired).await;
    assert_eq!((again.exit_code(), again.mutating_calls), (4, 0));
    assert!(begin.elapsed() < GIVEN_UP);
}

pub(super) async fn stops_take_about_one_grace_period(place: &Place) {
    const COUNT: u32 = 24;
    let grace = Duration::from_secs(8);
    let mut desired = place.desired();
    // The first process of a container ignores signals that it does not handle.
    let stubborn = desired.script("stubborn", "exec busybox sleep 1000");
    stubborn.stop_timeout = grace.as_secs();
    for number in 2..=COUNT {
        desired.again("stubborn", number);
    }
    place.apply_all(&desired).await;
    let begin = Instant::now();
    place.down(&desired, false).await;
    let ratio = begin.elapsed().as_secs_f64() / grace.as_secs_f64();
    // Eight at a time would take three periods.
    assert!(ratio < 2.5, "{ratio}");
    assert!(place.list("container").is_empty());
    let heard = place.heard.lines();
    let told = heard
        .iter()
        .filter(|line| line.contains("containers to stop"));
    assert_eq!(told.count(), 1, "it is told that kcc waits: {heard:#?}");
}

pub(super) async fn what_was_changed_outside_is_noticed(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web", &[]);
    desired.serve("free", &[]).memory = None;
    place.apply_all(&desired).await;
    let settled = |plan: String| assert!(plan.contains("nothing to do"), "{plan}");
    settled(place.plan(&desired).await);

    let (web, free) = (place.name("web"), place.name("free"));
    let update = ["update", "--memory=128m", "--memory-swap=128m"];
    place.bed.docker(&[&update[..], &[&web]].concat());
    place.bed.docker(&["update", "--pids-limit=100", &free]);
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("`memory` is 128Mi instead of 64Mi (changed outside kcc)"),
        "{plan}"
    );
    assert!(
        plan.contains("`process limit` is 100 instead of unset"),
        "{plan}"
    );
    place.apply_all(&desired).await;
    settled(place.plan(&desired).await);

    place
        .bed
        .docker(&["network", "disconnect", &place.name(""), &web]);
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("not connected to network `SYSTEM-dev`"),
        "{plan}"
    );
    place.bed.docker(&["network", "connect", "bridge", &free]);
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("connected to network `bridge` outside kcc"),
        "{plan}"
    );
    place.apply_all(&desired).await;
    settled(place.plan(&desired).await);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);

    // The same tag, another image.
    let tag = format!("{}-own:1", place.system);
    place.bed.docker(&["tag", crate::docker::SHOP, &tag]);
    let web = desired.container("web");
    web.image.clone_from(&tag);
    web.env
        .insert("A".to_owned(), EnvValue::Literal("b".to_owned()));
    desired.engine.images.insert(
        tag.clone(),
        desired.engine.images[crate::docker::SHOP].clone(),
    );
    place.apply_all(&desired).await;
    settled(place.plan(&desired).await);
    let folder = tempfile::tempdir().unwrap();
    let text = format!("FROM {}\nLABEL rebuilt=yes\n", crate::docker::SHOP);
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let path = folder.path().to_str().unwrap();
    place.bed.docker(&["build", "-q", "-t", &tag, path]);
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("image `SYSTEM-own:1` was rebuilt ("),
        "{plan}"
    );
    place.apply_all(&desired).await;
    settled(place.plan(&desired).await);
    place.down(&desired, true).await;
    place.bed.docker(&["rmi", "-f", &tag]);
}

pub(super) async fn a_changed_secret_replaces_its_readers(place: &Place) {
    use kcc_model::SecretProvider;
    let mut desired = place.desired();
    let secrets = &mut desired.engine.secrets;
    secrets.insert("k".to_owned(), SecretProvider::File("k".to_owned()));
    secrets.insert("f".to_owned(), SecretProvider::File("f".to_owned()));
    for name in ["k", "f"] {
        crate::docker::write(place, name, "first-value\n");
    }
    desired
        .serve("web", &[])
        .env
        .insert("K".to_owned(), EnvValue::Secret("k".to_owned()));
    desired
        .serve("files", &[])
        .mounts
        .insert("/run/f".to_owned(), Mount::Secret("f".to_owned()));
    desired
        .serve("other", &[])
        .env
        .insert("A".to_owned(), literal("b"));
    place.apply_all(&desired).await;
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    for (name, reader) in [("k", "web"), ("f", "files")] {
        crate::docker::write(place, name, "second-value\n");
        let plan = place.plan(&desired).await;
        let line = format!("± replace container SYSTEM-dev-{reader} secret `{name}` changed");
        assert!(
            plan.contains(&line) && plan.contains("1 to replace"),
            "{plan}"
        );
        assert!(!plan.contains("-value"), "{plan}");
        let report = place.apply_all(&desired).await;
        assert_eq!(report.components[reader].outcome, Outcome::Replaced);
        assert_eq!(report.totals().unchanged, 2);
        assert!(place.plan(&desired).await.contains("nothing to do"));
    }
    // One that cannot be had is no all-clear either.
    std::fs::remove_file(place.folder.path().join("k")).unwrap();
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("! unknown secret k cannot tell whether it changed"),
        "{plan}"
    );
}
