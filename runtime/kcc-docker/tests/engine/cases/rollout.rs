//! An apply never loses a container that serves, and gives up early on a crash loop.

use std::{
    fs,
    time::{Duration, Instant},
};

use kcc_diag::Code;
use kcc_lower::docker::Mount;
use kcc_model::EnvValue;
use kcc_plan::{ApplyReport, Cancel, Error, Outcome, Request, State};

use super::{detail, literal};
use crate::docker::{Draft, Sandbox, get, publish};

/// The longest time an apply may continue after a crash loop begins, on a busy
/// machine.
const GIVE_UP_LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn a_crash_brings_the_old_container_back(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    // With a host port, with a volume, and with neither.
    desired.serve("web", &[]).ports.push(publish(8080, None));
    let volume = desired.volume("db", "data");
    let serve = "exec busybox sleep 1000";
    desired
        .script("db", serve)
        .mounts
        .insert("/data".to_owned(), Mount::Volume(volume));
    desired.script("queue", serve);
    sandbox.apply_all(&desired).await;
    let names = ["db", "queue", "web"];
    let old = names.map(|name| sandbox.id(name));
    let address = sandbox.status(&desired).await.components["web"].addresses[0]
        .text
        .clone();

    // Crashes at once, and a second later.
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
        let report = sandbox.apply(&desired).await;
        let took = begin.elapsed();
        assert!(took < GIVE_UP_LIMIT, "{took:?}");
        assert_eq!(report.exit_code(), 4);
        for name in names {
            let component = &report.components[name];
            let why = component.why.clone().unwrap_or_default();
            assert_eq!(component.outcome, Outcome::Failed, "{why}");
            assert!(why.contains("crash loop: exit code 3"), "{why}");
            assert!(
                why.ends_with("restarted the previous container")
                    || why.ends_with("the previous container keeps running"),
                "{why}"
            );
            assert!(detail(&report, name).contains("boom"), "{report:#?}");
        }
        assert_eq!(names.map(|name| sandbox.id(name)), old, "round {round}");
        assert_eq!(
            sandbox.list("container"),
            names.map(|name| sandbox.name(name))
        );
        assert!(get(&address).await.starts_with("HTTP/1.1 200"));
        // The reason is shown until it is fixed, and the next plan includes it.
        let status = sandbox.status(&desired).await;
        assert!(!status.is_ready());
        let unapplied = status.components["queue"].unapplied.clone();
        let unapplied = unapplied.unwrap_or_default();
        assert!(unapplied.contains("crash loop: exit code 3"), "{unapplied}");
        let plan = sandbox.plan(&desired).await;
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
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());
}

pub(super) async fn a_crash_loop_is_never_all_clear(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
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
    let report = sandbox.apply(&desired).await;
    let took = begin.elapsed();
    assert!(took < GIVE_UP_LIMIT, "{took:?}");
    assert_eq!(report.exit_code(), 4);
    // A container that recovers is given the time to do so.
    assert_eq!(report.components["flaky"].outcome, Outcome::Created);
    let why = report.components["crash"].why.clone().unwrap_or_default();
    assert!(why.starts_with("crash loop: exit code 7"), "{why}");
    assert_eq!(
        detail(&report, "crash").lines().last(),
        Some("the disk is full")
    );
    let waits = sandbox.recorder.lines();
    let waits = waits.iter().filter(|line| line.contains("Waiting"));
    let waits = waits.filter(|line| line.contains("\"crash\""));
    assert!(waits.count() <= 2, "{:#?}", sandbox.recorder.lines());

    let plan = sandbox.plan(&desired).await;
    assert!(!plan.contains("nothing to do"), "{plan}");
    assert!(
        plan.contains("! not ready container SYSTEM-dev-crash crash loop: exit code 7"),
        "{plan}"
    );
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["crash"].state, State::Failed);
    assert!(!status.is_ready());
    // An apply without changes reports it again, and as early.
    let begin = Instant::now();
    let again = sandbox.apply(&desired).await;
    assert_eq!((again.exit_code(), again.mutating_calls), (4, 0));
    assert!(begin.elapsed() < GIVE_UP_LIMIT);
}

pub(super) async fn stops_take_about_one_grace_period(sandbox: &Sandbox) {
    const COUNT: u32 = 24;
    let grace = Duration::from_secs(8);
    let mut desired = sandbox.desired();
    // A container's first process ignores signals that it does not handle.
    let stubborn = desired.script("stubborn", "exec busybox sleep 1000");
    stubborn.stop_timeout = grace.as_secs();
    for number in 2..=COUNT {
        desired.replica("stubborn", number);
    }
    sandbox.apply_all(&desired).await;
    let begin = Instant::now();
    sandbox.down(&desired, false).await;
    let ratio = begin.elapsed().as_secs_f64() / grace.as_secs_f64();
    // Eight at a time would take three periods.
    assert!(ratio < 2.5, "{ratio}");
    assert!(sandbox.list("container").is_empty());
    let events = sandbox.recorder.lines();
    let notes = events
        .iter()
        .filter(|line| line.contains("containers to stop"));
    assert_eq!(notes.count(), 1, "the wait is reported once: {events:#?}");
}

pub(super) async fn changes_outside_kcc_are_noticed(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    desired.serve("free", &[]).memory = None;
    sandbox.apply_all(&desired).await;
    let settled = |plan: String| assert!(plan.contains("nothing to do"), "{plan}");
    settled(sandbox.plan(&desired).await);

    let (web, free) = (sandbox.name("web"), sandbox.name("free"));
    let update = ["update", "--memory=128m", "--memory-swap=128m"];
    sandbox.testbed.docker(&[&update[..], &[&web]].concat());
    sandbox
        .testbed
        .docker(&["update", "--pids-limit=100", &free]);
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("`memory` is 128Mi instead of 64Mi (changed outside kcc)"),
        "{plan}"
    );
    assert!(
        plan.contains("`process limit` is 100 instead of unset"),
        "{plan}"
    );
    sandbox.apply_all(&desired).await;
    settled(sandbox.plan(&desired).await);

    sandbox
        .testbed
        .docker(&["network", "disconnect", &sandbox.name(""), &web]);
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("not connected to network `SYSTEM-dev`"),
        "{plan}"
    );
    sandbox
        .testbed
        .docker(&["network", "connect", "bridge", &free]);
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("connected to network `bridge` outside kcc"),
        "{plan}"
    );
    sandbox.apply_all(&desired).await;
    settled(sandbox.plan(&desired).await);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    // The same tag for another image.
    let tag = format!("{}-own:1", sandbox.system);
    sandbox.testbed.docker(&["tag", crate::docker::SHOP, &tag]);
    let web = desired.container("web");
    web.image.clone_from(&tag);
    web.env
        .insert("A".to_owned(), EnvValue::Literal("b".to_owned()));
    let image = desired.engine.images[crate::docker::SHOP].clone();
    desired.engine.images.insert(tag.clone(), image);
    sandbox.apply_all(&desired).await;
    settled(sandbox.plan(&desired).await);
    let context = tempfile::tempdir().unwrap();
    let text = format!("FROM {}\nLABEL rebuilt=yes\n", crate::docker::SHOP);
    std::fs::write(context.path().join("Dockerfile"), text).unwrap();
    let path = context.path().to_str().unwrap();
    sandbox.testbed.docker(&["build", "-q", "-t", &tag, path]);
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("image `SYSTEM-own:1` was rebuilt ("),
        "{plan}"
    );
    sandbox.apply_all(&desired).await;
    settled(sandbox.plan(&desired).await);
    sandbox.down(&desired, true).await;
    sandbox.testbed.docker(&["rmi", "-f", &tag]);
}

pub(super) async fn a_changed_secret_replaces_its_readers(sandbox: &Sandbox) {
    use kcc_model::SecretProvider;
    let mut desired = sandbox.desired();
    let secrets = &mut desired.engine.secrets;
    secrets.insert("k".to_owned(), SecretProvider::File("k".to_owned()));
    secrets.insert("f".to_owned(), SecretProvider::File("f".to_owned()));
    for name in ["k", "f"] {
        crate::docker::write(sandbox, name, "first-value\n");
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
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    for (name, reader) in [("k", "web"), ("f", "files")] {
        crate::docker::write(sandbox, name, "second-value\n");
        let plan = sandbox.plan(&desired).await;
        let line = format!("± replace container SYSTEM-dev-{reader} secret `{name}` changed");
        assert!(
            plan.contains(&line) && plan.contains("1 to replace"),
            "{plan}"
        );
        assert!(!plan.contains("-value"), "{plan}");
        let report = sandbox.apply_all(&desired).await;
        assert_eq!(report.components[reader].outcome, Outcome::Replaced);
        assert_eq!(report.totals().unchanged, 2);
        assert!(sandbox.plan(&desired).await.contains("nothing to do"));
    }
    // A secret that is unavailable is never all clear either.
    std::fs::remove_file(sandbox.root.path().join("k")).unwrap();
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("! unknown secret k cannot tell if it changed"),
        "{plan}"
    );
}

/// Restarts components.
async fn restart(sandbox: &Sandbox, desired: &Draft, names: &[&str]) -> Result<ApplyReport, Error> {
    let mut options = sandbox.options();
    let names = names.iter().map(|name| (*name).to_owned());
    options.request = Request::Restart(names.collect());
    let (desired, cancel) = (desired.finish(), Cancel::new());
    kcc_docker::apply(&desired, &options, &sandbox.recorder, &cancel).await
}

pub(super) async fn a_restart_replaces_what_it_names_and_nothing_else(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    desired.replica("web", 2);
    // A start that fails as soon as the file exists.
    let flags = sandbox.root.path().join("flags");
    fs::create_dir(&flags).unwrap();
    let path = flags.display().to_string();
    let script = format!("[ -e {path}/fail ] && exit 3; exec busybox sleep 1000");
    desired
        .script("queue", &script)
        .mounts
        .insert(path.clone(), Mount::Host(path));
    sandbox.apply_all(&desired).await;
    let names = ["web", "web-2", "queue"];
    let before = names.map(|name| sandbox.id(name));

    let report = restart(sandbox, &desired, &["web"]).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(report.components.len(), 1, "{report:#?}");
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    let after = names.map(|name| sandbox.id(name));
    let same: Vec<_> = before
        .iter()
        .zip(&after)
        .map(|(old, new)| old == new)
        .collect();
    assert_eq!(same, [false, false, true]);
    assert_eq!(sandbox.apply_all(&desired).await.planned, 0);

    // The running container stays if its successor does not start.
    fs::write(flags.join("fail"), "").unwrap();
    let report = restart(sandbox, &desired, &["queue"]).await.unwrap();
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    let why = report.components["queue"].why.clone().unwrap_or_default();
    assert!(
        why.ends_with("the previous container keeps running"),
        "{why}"
    );
    assert_eq!(sandbox.id("queue"), after[2]);
    // Another component says nothing about it.
    restart(sandbox, &desired, &["web"]).await.unwrap();
    let status = sandbox.status(&desired).await;
    assert!(
        status.components["queue"].unapplied.is_some(),
        "{status:#?}"
    );
    assert!(status.components["web"].unapplied.is_none(), "{status:#?}");

    // A restart changes nothing, and needs something to restart.
    desired
        .container("web")
        .env
        .insert("LEVEL".to_owned(), literal("debug"));
    let error = restart(sandbox, &desired, &["web"]).await.unwrap_err();
    assert_eq!(error.code, Code::PlanOutdated, "{}", error.chain());
    desired.serve("cart", &[]);
    let error = restart(sandbox, &desired, &["cart"]).await.unwrap_err();
    assert_eq!(error.code, Code::PlanNotRunning, "{}", error.chain());
}
