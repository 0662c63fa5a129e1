//! A system comes up, changes, heals and is taken down.

use kcc_lower::docker::Mount;
use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{Outcome, State};

use super::{chain, literal};
use crate::docker::{BOX, Sandbox, get, publish};

pub(super) async fn a_chain_comes_up_in_order_and_stays(sandbox: &Sandbox) {
    let desired = chain(sandbox);
    let text = sandbox.plan(&desired).await;
    let expected = "\
SYSTEM in dev: 6 to create, 1 object unchanged

+ create network SYSTEM-dev does not exist
+ create volume SYSTEM-dev-db-data does not exist [storefront]
+ create container SYSTEM-dev-db does not exist [storefront]
+ create container SYSTEM-dev-migrate does not exist [storefront]
+ create container SYSTEM-dev-cart does not exist [storefront]
+ create container SYSTEM-dev-web does not exist [storefront]
";
    assert_eq!(text, expected);
    assert!(
        sandbox.list("container").is_empty() && !sandbox.has_record(),
        "a plan changes nothing"
    );

    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().created, 4);
    let started: Vec<_> = ["db", "migrate", "cart", "web"]
        .map(|name| sandbox.inspect(name, "{{.State.StartedAt}}"))
        .into();
    assert!(started.is_sorted(), "{started:?}");

    let address = sandbox.status(&desired).await.components["web"].addresses[0]
        .text
        .clone();
    let answer = get(&address).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("db:5432"), "{answer}");

    let again = sandbox.apply_all(&desired).await;
    assert_eq!(again.mutating_calls, 0);
    assert_eq!(again.totals().unchanged, 4);
    assert!(
        sandbox
            .plan(&desired)
            .await
            .contains("nothing to do, 7 objects unchanged")
    );

    let status = sandbox.status(&desired).await;
    assert!(status.is_ready(), "{status:#?}");
    assert_eq!(status.components["migrate"].state, State::Completed);
    assert_eq!(status.components["web"].state, State::Running);
}

pub(super) async fn only_changed_components_are_replaced(sandbox: &Sandbox) {
    let mut desired = chain(sandbox);
    sandbox.apply_all(&desired).await;
    let ids = ["db", "migrate", "web"].map(|name| sandbox.id(name));
    let cart = sandbox.id("cart");
    desired
        .container("cart")
        .env
        .insert("GREETING".to_owned(), literal("hello"));
    desired
        .container("cart")
        .env
        .insert("LOG".to_owned(), literal("debug"));
    let plan = sandbox.plan(&desired).await;
    assert!(plan.contains("1 to replace, 6 objects unchanged"), "{plan}");
    assert!(
        plan.contains("± replace container SYSTEM-dev-cart `env.GREETING`, `env.LOG` changed"),
        "{plan}"
    );
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["cart"].outcome, Outcome::Replaced);
    assert_eq!(report.totals().unchanged, 3);
    assert_ne!(cart, sandbox.id("cart"));
    assert_eq!(ids, ["db", "migrate", "web"].map(|name| sandbox.id(name)));
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn killed_containers_are_restored(sandbox: &Sandbox) {
    let desired = chain(sandbox);
    sandbox.apply_all(&desired).await;
    sandbox.testbed.docker(&["kill", &sandbox.name("cart")]);
    sandbox.testbed.docker(&["rm", "-f", &sandbox.name("web")]);
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["cart"].state, State::Failed);
    assert_eq!(
        status.components["cart"].why.as_deref(),
        Some("exited with exit code 137: killed")
    );
    assert_eq!(status.components["web"].state, State::Absent);
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("> run container SYSTEM-dev-cart not running (exit code 137)"),
        "{plan}"
    );
    assert!(
        plan.contains("+ create container SYSTEM-dev-web does not exist"),
        "{plan}"
    );
    let report = sandbox.apply_all(&desired).await;
    assert_eq!((report.totals().updated, report.totals().created), (1, 1));
    assert!(sandbox.status(&desired).await.is_ready());
    sandbox.testbed.docker(&["pause", &sandbox.name("cart")]);
    assert!(sandbox.plan(&desired).await.contains(" paused"));
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());
}

pub(super) async fn a_container_with_a_volume_is_stopped_first(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let volume = desired.volume("db", "data");
    // It takes a lock in its volume: two at a time could not start.
    let script = "trap 'busybox rm -r /data/lock; exit 0' TERM; busybox mkdir /data/lock || exit 9; \
                  while true; do busybox sleep 0.1; done";
    let db = desired.script("db", script);
    db.user = Some("999:999".to_owned());
    db.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    sandbox.apply_all(&desired).await;
    desired
        .container("db")
        .env
        .insert("A".to_owned(), literal("b"));
    sandbox.apply_all(&desired).await;
    assert_eq!(
        sandbox.inspect("db", "{{.RestartCount}} {{.State.Status}}"),
        "0 running"
    );

    // A missing program cannot start: the old container keeps running.
    let old = sandbox.id("db");
    desired.container("db").command = Some(vec!["/nowhere".to_owned()]);
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    assert!(
        report.failures[0].message.contains("/nowhere"),
        "{report:#?}"
    );
    assert_eq!(
        (old, "running".to_owned()),
        (sandbox.id("db"), sandbox.inspect("db", "{{.State.Status}}"))
    );
}

pub(super) async fn a_completed_job_runs_again_only_when_changed(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let volume = desired.volume("count", "data");
    let job = desired.script(
        "count",
        "echo run >>/data/runs; test $(busybox wc -l </data/runs) -gt 1",
    );
    job.user = Some("999:999".to_owned());
    job.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    desired.job("count");
    assert_eq!(
        sandbox.apply(&desired).await.exit_code(),
        4,
        "the first run fails"
    );
    assert!(sandbox.plan(&desired).await.contains(
        "> run container SYSTEM-dev-count did not complete (exit code 1); running it again"
    ));
    sandbox.apply_all(&desired).await;
    assert_eq!(
        sandbox.apply_all(&desired).await.mutating_calls,
        0,
        "it completed"
    );
    desired
        .container("count")
        .env
        .insert("A".to_owned(), literal("b"));
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["count"].outcome, Outcome::Replaced);
    let runs = sandbox.testbed.docker(&[
        "run",
        "--rm",
        "-v",
        &format!("{}:/data", sandbox.name("count-data")),
        BOX,
        "busybox",
        "wc",
        "-l",
        "/data/runs",
    ]);
    assert!(runs.starts_with("3 "), "{runs}");
}

pub(super) async fn replicas_share_a_name_and_keep_free_ports(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]).ports.push(publish(8080, None));
    let mut second = desired.container("web").clone();
    second.ports.clear();
    let two = format!("{}-2", desired.name("web"));
    desired.engine.containers.insert(two.clone(), second);
    sandbox.apply_all(&desired).await;
    let status = sandbox.status(&desired).await;
    assert_eq!(
        (
            status.components["web"].ready,
            status.components["web"].replicas
        ),
        (2, 2)
    );
    let addresses = sandbox.testbed.docker(&[
        "run",
        "--rm",
        "--network",
        &sandbox.name(""),
        BOX,
        "busybox",
        "nslookup",
        "web.",
    ]);
    let found = addresses
        .lines()
        .filter(|line| line.starts_with("Address"))
        .count();
    assert!(found >= 3, "the server's address and two more: {addresses}");

    let address = status.components["web"].addresses.clone();
    assert!(get(&address[0].text).await.starts_with("HTTP/1.1 200"));
    for name in [desired.name("web"), two] {
        let container = desired.engine.containers.get_mut(&name).unwrap();
        container.env.insert("A".to_owned(), literal("b"));
    }
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_eq!(
        sandbox.status(&desired).await.components["web"].addresses,
        address
    );
    assert!(get(&address[0].text).await.starts_with("HTTP/1.1 200"));
}

pub(super) async fn undeclared_components_are_removed(sandbox: &Sandbox) {
    let mut desired = chain(sandbox);
    desired.container("web").ports = vec![publish(8080, Some(18_080))];
    sandbox.apply_all(&desired).await;
    // Another component takes over the host port in the same apply.
    desired.remove("web");
    desired.serve("shop", &[]).ports = vec![publish(8080, Some(18_080))];
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("- delete container SYSTEM-dev-web no longer declared"),
        "{plan}"
    );
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Deleted);
    assert!(!sandbox.list("container").contains(&sandbox.name("web")));
    assert!(get("127.0.0.1:18080").await.starts_with("HTTP/1.1 200"));
    // A fixed port is handed over within one component as well.
    desired
        .container("shop")
        .env
        .insert("A".to_owned(), literal("b"));
    sandbox.apply_all(&desired).await;
    assert!(get("127.0.0.1:18080").await.starts_with("HTTP/1.1 200"));
    // The database is no longer declared either; its data stays.
    desired.remove("db");
    desired.engine.volumes.clear();
    for name in ["cart", "migrate"] {
        desired.remove(name);
    }
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.list("volume"), [sandbox.name("db-data")]);
    assert_eq!(sandbox.list("container"), [sandbox.name("shop")]);
}

pub(super) async fn down_keeps_the_data(sandbox: &Sandbox) {
    let mut desired = chain(sandbox);
    desired
        .engine
        .secrets
        .insert("p".to_owned(), SecretProvider::Generate {});
    desired
        .container("db")
        .env
        .insert("P".to_owned(), EnvValue::Secret("p".to_owned()));
    sandbox.apply_all(&desired).await;
    let secret = sandbox.secrets()["p"].clone();
    let report = sandbox.down(&desired, false).await;
    assert_eq!(report.totals().deleted, 4);
    assert!(sandbox.list("container").is_empty() && sandbox.list("network").is_empty());
    assert_eq!(sandbox.list("volume"), [sandbox.name("db-data")]);
    assert_eq!(sandbox.down(&desired, false).await.mutating_calls, 0);

    // The data and the secret that unlocks it are used again.
    sandbox.apply_all(&desired).await;
    assert_eq!(secret, sandbox.secrets()["p"].clone());
    sandbox.down(&desired, true).await;
    assert!(sandbox.list("container").is_empty() && sandbox.list("network").is_empty());
    assert!(sandbox.list("volume").is_empty());
    assert!(sandbox.secrets().is_empty() && !sandbox.has_record());
}
