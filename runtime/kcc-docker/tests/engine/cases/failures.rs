//! What goes wrong is said, with its reason, and ends its own branch alone.

use kcc_diag::Code;
use kcc_lower::docker::{HealthCheck, Mount};
use kcc_model::{Check, Ephemeral, Until};
use kcc_plan::{Outcome, State};

use super::detail;
use crate::docker::{Place, health, publish, write};

pub(super) async fn a_bad_replacement_leaves_the_old_one(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web", &[]);
    place.apply_all(&desired).await;
    let old = place.id("web");
    desired.container("web").args = Some(vec!["serve".into(), "--listen".into(), ":9999".into()]);
    desired.component("web").deadline_ms = 1_500;
    let report = place.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let message = &report.failures[0].message;
    assert!(
        message.contains(
            "is not ready: nothing listens on port 8080 (after 1 s); the previous one keeps running"
        ),
        "{message}"
    );
    assert_eq!(old, place.id("web"));
    assert_eq!(place.inspect("web", "{{.State.Status}}"), "running");
    assert_eq!(place.list("container"), [place.name("web")]);
}

pub(super) async fn a_component_that_is_never_ready_says_why(place: &Place) {
    let mut desired = place.desired();
    let web = desired.serve("web", &[]);
    web.health = Some(health(Check::Http {
        path: "/nowhere".to_owned(),
        port: 8080,
    }));
    desired.component("web").deadline_ms = 1_000;
    desired.serve("fine", &[]);
    let report = place.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let why = |name: &str| report.components[name].why.clone().unwrap_or_default();
    assert!(
        why("web").contains("GET /nowhere on port 8080 answers 404 (after 1 s)"),
        "{}",
        why("web")
    );
    assert!(
        detail(&report, "web").contains("listening on :8080"),
        "its log: {report:#?}"
    );
    assert_eq!(report.components["fine"].outcome, Outcome::Created);
    // It is still so, and an apply that changes nothing says it again.
    let again = place.apply(&desired).await;
    assert_eq!((again.exit_code(), again.mutating_calls), (4, 0));
}

pub(super) async fn a_command_is_asked_before_the_engine_asks_it(place: &Place) {
    let mut desired = place.desired();
    let check = |script: &str| Check::Exec(["sh", "-c", script].map(str::to_owned).into());
    let slow = "busybox sleep 1; echo up >/tmp/up; busybox sleep 600";
    let db = desired.script("db", slow);
    db.mounts
        .insert("/tmp".to_owned(), Mount::Tmpfs(Ephemeral::default()));
    let health = health(check("test -f /tmp/up"));
    db.health = Some(HealthCheck {
        interval_ms: 60_000,
        start_period_ms: 60_000,
        ..health.clone()
    });
    let bad = desired.script("bad", "busybox sleep 600");
    let fails = check("echo no database here; exit 1");
    bad.health = Some(HealthCheck {
        check: fails,
        interval_ms: 60_000,
        ..health
    });
    desired.component("bad").deadline_ms = 1_000;
    let begin = std::time::Instant::now();
    let report = place.apply(&desired).await;
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
    assert_eq!(report.components["db"].outcome, Outcome::Created);
    let why = report.components["bad"].why.as_deref();
    assert_eq!(why, Some("its check says: no database here (after 1 s)"));
    let status = place.status(&desired).await;
    assert_eq!(
        (
            status.components["db"].state,
            status.components["bad"].state
        ),
        (State::Running, State::Starting)
    );
}

pub(super) async fn a_failed_job_skips_what_needs_it(place: &Place) {
    let mut desired = place.desired();
    desired.script("migrate", "echo no such table >&2; exit 3");
    desired.job("migrate");
    desired.serve("web", &[]);
    desired.after("web", "migrate", Until::Completed);
    desired.serve("other", &[]);
    let report = place.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    assert_eq!(report.components["migrate"].outcome, Outcome::Failed);
    let why = report.components["migrate"].why.clone().unwrap();
    assert!(
        why.contains("exit code 3") && detail(&report, "migrate") == "no such table",
        "{report:#?}"
    );
    assert_eq!(report.components["web"].outcome, Outcome::Skipped);
    assert_eq!(
        report.components["web"].why.as_deref(),
        Some("it needs `migrate`, which is not ready")
    );
    assert_eq!(report.components["other"].outcome, Outcome::Created);

    // Mended, the same job goes on from there.
    desired.container("migrate").args = Some(vec!["exit 0".to_owned()]);
    place.apply_all(&desired).await;
    assert!(place.status(&desired).await.ready());
}

pub(super) async fn a_host_port_that_is_taken_is_said(place: &Place) {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut desired = place.desired();
    desired
        .serve("web", &[])
        .ports
        .push(publish(8080, Some(port)));
    let report = place.apply(&desired).await;
    assert_eq!(report.failures[0].code, Code::ApplyRefused);
    assert!(
        report.failures[0].message.contains(&port.to_string()),
        "{report:#?}"
    );
    let help = report.failures[0].help.as_deref();
    assert_eq!(
        help,
        Some("stop what holds the port, or publish another one (`expose`)")
    );
    assert!(
        place.list("container").is_empty(),
        "what cannot start is not left"
    );
    drop(listener);
    place.apply_all(&desired).await;
}

pub(super) async fn a_broken_build_shows_its_end(place: &Place) {
    let mut desired = place.desired();
    let tag = format!("{}-app", place.system);
    write(place, "app/Dockerfile", "FROM scratch\nCOPY nothing /x\n");
    desired.build("web", &tag, "app");
    desired.serve("web", &[]).image.clone_from(&tag);
    desired.engine.images.remove(crate::docker::SHOP);
    let report = place.apply(&desired).await;
    let failure = &report.failures[0];
    assert_eq!(failure.code, Code::ApplyImageBuild);
    let start = format!("image `{tag}` of `web` cannot be built from `app`: COPY failed");
    assert!(failure.message.starts_with(&start), "{}", failure.message);
    assert!(
        failure
            .detail
            .contains(&"Step 2/3 : COPY nothing /x".to_owned()),
        "{failure:#?}"
    );
    assert_eq!(report.components["web"].outcome, Outcome::Failed);
}

pub(super) async fn an_image_that_cannot_be_had_names_who_wants_it(place: &Place) {
    let mut desired = place.desired();
    desired.add("web", "localhost:1/acme/web:1.4.2", &[]);
    let report = place.apply(&desired).await;
    let failure = &report.failures[0];
    assert_eq!(failure.code, Code::ApplyImagePull);
    let start = "image `localhost:1/acme/web:1.4.2` of `web` cannot be pulled: ";
    assert!(failure.message.starts_with(start), "{}", failure.message);
    assert_eq!(report.exit_code(), 4);
}
