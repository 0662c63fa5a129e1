//! Failures are reported with their reason and affect only their dependents.

use std::time::Duration;

use kcc_diag::Code;
use kcc_lower::docker::{HealthCheck, Mount};
use kcc_model::{Check, Ephemeral, Until};
use kcc_plan::{Outcome, State};

use super::{detail, literal};
use crate::docker::{Sandbox, health, publish, write};

pub(super) async fn a_failed_replacement_keeps_the_old_container(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;
    let old = sandbox.id("web");
    desired.container("web").args = Some(vec!["serve".into(), "--listen".into(), ":9999".into()]);
    desired.component("web").deadline_ms = 1_500;
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let message = &report.failures[0].message;
    assert!(
        message.contains(
            "is not ready: nothing is listening on port 8080 (after 1 s); the previous container keeps running"
        ),
        "{message}"
    );
    assert_eq!(old, sandbox.id("web"));
    assert_eq!(sandbox.inspect("web", "{{.State.Status}}"), "running");
    assert_eq!(sandbox.list("container"), [sandbox.name("web")]);
}

pub(super) async fn an_unready_component_is_reported_with_its_reason(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let web = desired.serve("web", &[]);
    web.health = Some(health(Check::Http {
        path: "/nowhere".to_owned(),
        port: 8080,
    }));
    desired.component("web").deadline_ms = 1_000;
    desired.serve("fine", &[]);
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    let why = |name: &str| report.components[name].why.clone().unwrap_or_default();
    assert!(
        why("web").contains("GET /nowhere on port 8080 returned 404 (after 1 s)"),
        "{}",
        why("web")
    );
    assert!(
        detail(&report, "web").contains("listening on :8080"),
        "its log: {report:#?}"
    );
    assert_eq!(report.components["fine"].outcome, Outcome::Created);
    // It is still unready, and an apply without changes reports it again.
    let again = sandbox.apply(&desired).await;
    assert_eq!((again.exit_code(), again.mutating_calls), (4, 0));
}

pub(super) async fn what_was_not_ready_before_is_reported_apart(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let flaky = desired.script("flaky", "touch /dev/shm/up; /bin/busybox sleep 600");
    let check = ["/bin/busybox", "test", "-e", "/dev/shm/up"].map(str::to_owned);
    flaky.health = Some(health(Check::Exec(check.into())));
    desired.component("flaky").deadline_ms = 2_000;
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;

    let name = sandbox.name("flaky");
    let down = ["exec", &name, "/bin/busybox", "rm", "/dev/shm/up"];
    sandbox.testbed.docker(&down);
    while sandbox.inspect("flaky", "{{.State.Health.Status}}") != "unhealthy" {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let web = desired.container("web");
    web.env.insert("A".to_owned(), literal("b"));
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["flaky"].outcome, Outcome::Unchanged);
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_eq!(report.not_ready.len(), 1, "{report:#?}");
    assert_eq!(report.not_ready[0].code, Code::ApplyNotReady);
    assert!(!sandbox.status(&desired).await.is_ready());

    // An apply that changes it is to blame.
    let flaky = desired.container("flaky");
    flaky.command.as_mut().unwrap().push("true #".to_owned());
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    let again = sandbox.apply(&desired).await;
    assert_eq!(again.exit_code(), 4, "{again:#?}");
}

pub(super) async fn a_command_check_runs_before_the_engines_first(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
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
    let report = sandbox.apply(&desired).await;
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
    assert_eq!(report.components["db"].outcome, Outcome::Created);
    let why = report.components["bad"].why.as_deref();
    assert_eq!(
        why,
        Some("health check failed: no database here (after 1 s)")
    );
    let status = sandbox.status(&desired).await;
    assert_eq!(
        (
            status.components["db"].state,
            status.components["bad"].state
        ),
        (State::Running, State::Starting)
    );
}

pub(super) async fn a_failed_job_skips_its_dependents(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("migrate", "echo no such table >&2; exit 3");
    desired.job("migrate");
    desired.serve("web", &[]);
    desired.after("web", "migrate", Until::Completed);
    desired.serve("other", &[]);
    let report = sandbox.apply(&desired).await;
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

    // Once fixed, the same job continues from there.
    desired.container("migrate").args = Some(vec!["exit 0".to_owned()]);
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());
}

pub(super) async fn a_taken_host_port_is_reported(sandbox: &Sandbox) {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut desired = sandbox.desired();
    desired
        .serve("web", &[])
        .ports
        .push(publish(8080, Some(port)));
    // A port that a container of others holds, and an image that no registry has.
    let holder = format!("{}-holder", sandbox.system);
    let held = format!("{}:8080", port - 1);
    let run = [
        "run",
        "-d",
        "--name",
        &holder,
        "-p",
        &held,
        crate::docker::SHOP,
        "serve",
    ];
    sandbox.testbed.docker(&run);
    desired
        .serve("cart", &[])
        .ports
        .push(publish(8080, Some(port - 1)));
    desired.add("lost", "localhost:1/acme/lost:1", &[]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    let messages: Vec<_> = error
        .refusals
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(
        messages[..2],
        [
            format!(
                "host port {} of `cart` is held by container `{holder}`",
                port - 1
            ),
            format!("host port {port} of `web` is held by another program"),
        ]
    );
    assert!(
        messages[2].starts_with("cannot pull image `localhost:1/acme/lost:1` of `lost`: "),
        "{messages:?}"
    );
    assert_eq!(error.refusals[0].code, Code::PlanPortTaken);
    assert!(
        sandbox.list("container").is_empty() && sandbox.list("network").is_empty(),
        "nothing was changed"
    );
    sandbox.testbed.docker(&["rm", "-f", &holder]);
    desired.remove("lost");
    desired.engine.images.remove("localhost:1/acme/lost:1");
    drop(listener);
    sandbox.apply_all(&desired).await;
    // Its own containers hold the ports by now.
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_failed_build_shows_the_end_of_its_log(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let tag = format!("{}-app", sandbox.system);
    write(sandbox, "app/Dockerfile", "FROM scratch\nCOPY nothing /x\n");
    desired.build("web", &tag, "app");
    desired.serve("web", &[]).image.clone_from(&tag);
    desired.engine.images.remove(crate::docker::SHOP);
    let report = sandbox.apply(&desired).await;
    let failure = &report.failures[0];
    assert_eq!(failure.code, Code::ApplyImageBuild);
    let start = format!("cannot build image `{tag}` of `web` from `app`: COPY failed");
    assert!(failure.message.starts_with(&start), "{}", failure.message);
    assert!(
        failure
            .detail
            .contains(&"Step 2/3 : COPY nothing /x".to_owned()),
        "{failure:#?}"
    );
    assert_eq!(report.components["web"].outcome, Outcome::Failed);
}

pub(super) async fn an_image_that_cannot_be_pulled_names_its_component(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.add("web", "localhost:1/acme/web:1.4.2", &[]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!((error.code, error.exit_code()), (Code::ApplyImagePull, 3));
    let start = "cannot pull image `localhost:1/acme/web:1.4.2` of `web`: ";
    assert!(error.message.starts_with(start), "{}", error.message);
    assert_eq!(error.refusals[0].component.as_deref(), Some("web"));
}
