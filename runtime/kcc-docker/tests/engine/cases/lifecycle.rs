//! A system comes up, changes, heals and goes.

use kcc_lower::docker::Mount;
use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{Outcome, State};

use super::{chain, literal};
use crate::docker::{BOX, Place, get, publish};

pub(super) async fn a_chain_comes_up_in_order_and_stays(place: &Place) {
    let desired = chain(place);
    let text = place.plan(&desired).await;
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
        place.list("container").is_empty() && !place.state().exists(),
        "a plan changes nothing"
    );

    let report = place.apply_all(&desired).await;
    assert_eq!(report.totals().created, 4);
    let started: Vec<_> = ["db", "migrate", "cart", "web"]
        .map(|name| place.inspect(name, "{{.State.StartedAt}}"))
        .into();
    assert!(started.is_sorted(), "{started:?}");

    let address = place.status(&desired).await.components["web"].addresses[0].clone();
    let answer = get(&address).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("db:5432"), "{answer}");

    let again = place.apply_all(&desired).await;
    assert_eq!(again.mutating_calls, 0);
    assert_eq!(again.totals().unchanged, 4);
    assert!(
        place
            .plan(&desired)
            .await
            .contains("nothing to do, 7 objects unchanged")
    );

    let status = place.status(&desired).await;
    assert!(status.ready(), "{status:#?}");
    assert_eq!(status.components["migrate"].state, State::Completed);
    assert_eq!(status.components["web"].state, State::Running);
}

pub(super) async fn only_what_changed_is_replaced(place: &Place) {
    let mut desired = chain(place);
    place.apply_all(&desired).await;
    let ids = ["db", "migrate", "web"].map(|name| place.id(name));
    let cart = place.id("cart");
    desired
        .container("cart")
        .env
        .insert("GREETING".to_owned(), literal("hello"));
    desired
        .container("cart")
        .env
        .insert("LOG".to_owned(), literal("debug"));
    let plan = place.plan(&desired).await;
    assert!(plan.contains("1 to replace, 6 objects unchanged"), "{plan}");
    assert!(
        plan.contains("± replace container SYSTEM-dev-cart `env.GREETING`, `env.LOG` changed"),
        "{plan}"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["cart"].outcome, Outcome::Replaced);
    assert_eq!(report.totals().unchanged, 3);
    assert_ne!(cart, place.id("cart"));
    assert_eq!(ids, ["db", "migrate", "web"].map(|name| place.id(name)));
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn what_was_killed_is_healed(place: &Place) {
    let desired = chain(place);
    place.apply_all(&desired).await;
    place.bed.docker(&["kill", &place.name("cart")]);
    place.bed.docker(&["rm", "-f", &place.name("web")]);
    let status = place.status(&desired).await;
    assert_eq!(status.components["cart"].state, State::Failed);
    assert_eq!(
        status.components["cart"].why.as_deref(),
        Some("exited with exit code 137")
    );
    assert_eq!(status.components["web"].state, State::Absent);
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("> run container SYSTEM-dev-cart not running (exit code 137)"),
        "{plan}"
    );
    assert!(
        plan.contains("+ create container SYSTEM-dev-web does not exist"),
        "{plan}"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!((report.totals().updated, report.totals().created), (1, 1));
    assert!(place.status(&desired).await.ready());
    place.bed.docker(&["pause", &place.name("cart")]);
    assert!(place.plan(&desired).await.contains(" paused"));
    place.apply_all(&desired).await;
    assert!(place.status(&desired).await.ready());
}

pub(super) async fn what_writes_to_a_volume_is_stopped_first(place: &Place) {
    let mut desired = place.desired();
    let volume = desired.volume("db", "data");
    // It takes a lock in its volume: two at a time would not start.
    let script = "trap 'busybox rm -r /data/lock; exit 0' TERM; busybox mkdir /data/lock || exit 9; \
                  while true; do busybox sleep 0.1; done";
    let db = desired.script("db", script);
    db.user = Some("999:999".to_owned());
    db.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    place.apply_all(&desired).await;
    desired
        .container("db")
        .env
        .insert("A".to_owned(), literal("b"));
    place.apply_all(&desired).await;
    assert_eq!(
        place.inspect("db", "{{.RestartCount}} {{.State.Status}}"),
        "0 running"
    );

    // A program that is not there cannot start: the old one goes on.
    let old = place.id("db");
    desired.container("db").command = Some(vec!["/nowhere".to_owned()]);
    let report = place.apply(&desired).await;
    assert_eq!(report.exit_code(), 4);
    assert!(
        report.failures[0].message.contains("/nowhere"),
        "{report:#?}"
    );
    assert_eq!(
        (old, "running".to_owned()),
        (place.id("db"), place.inspect("db", "{{.State.Status}}"))
    );
}

pub(super) async fn a_job_runs_again_only_when_it_changed(place: &Place) {
    let mut desired = place.desired();
    let volume = desired.volume("count", "data");
    let job = desired.script(
        "count",
        "echo run >>/data/runs; test $(busybox wc -l </data/runs) -gt 1",
    );
    job.user = Some("999:999".to_owned());
    job.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    desired.job("count");
    assert_eq!(
        place.apply(&desired).await.exit_code(),
        4,
        "the first run fails"
    );
    assert!(
        place.plan(&desired).await.contains(
            "> run container SYSTEM-dev-count did not complete (exit code 1); runs again"
        )
    );
    place.apply_all(&desired).await;
    assert_eq!(
        place.apply_all(&desired).await.mutating_calls,
        0,
        "it completed"
    );
    desired
        .container("count")
        .env
        .insert("A".to_owned(), literal("b"));
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["count"].outcome, Outcome::Replaced);
    let runs = place.bed.docker(&[
        "run",
        "--rm",
        "-v",
        &format!("{}:/data", place.name("count-data")),
        BOX,
        "busybox",
        "wc",
        "-l",
        "/data/runs",
    ]);
    assert!(runs.starts_with("3 "), "{runs}");
}

pub(super) async fn replicas_share_a_name_and_free_ports_are_kept(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web", &[]).ports.push(publish(8080, None));
    let mut second = desired.container("web").clone();
    second.ports.clear();
    let two = format!("{}-2", desired.name("web"));
    desired.engine.containers.insert(two.clone(), second);
    place.apply_all(&desired).await;
    let status = place.status(&desired).await;
    assert_eq!(
        (
            status.components["web"].ready,
            status.components["web"].replicas
        ),
        (2, 2)
    );
    let addresses = place.bed.docker(&[
        "run",
        "--rm",
        "--network",
        &place.name(""),
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
    assert!(get(&address[0]).await.starts_with("HTTP/1.1 200"));
    for name in [desired.name("web"), two] {
        let container = desired.engine.containers.get_mut(&name).unwrap();
        container.env.insert("A".to_owned(), literal("b"));
    }
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_eq!(
        place.status(&desired).await.components["web"].addresses,
        address
    );
    assert!(get(&address[0]).await.starts_with("HTTP/1.1 200"));
}

pub(super) async fn what_is_no_longer_asked_for_goes(place: &Place) {
    let mut desired = chain(place);
    desired.container("web").ports = vec![publish(8080, Some(18_080))];
    place.apply_all(&desired).await;
    // Another component takes over the host port in the same apply.
    desired.remove("web");
    desired.serve("shop", &[]).ports = vec![publish(8080, Some(18_080))];
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("- delete container SYSTEM-dev-web no longer declared"),
        "{plan}"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Deleted);
    assert!(!place.list("container").contains(&place.name("web")));
    assert!(get("127.0.0.1:18080").await.starts_with("HTTP/1.1 200"));
    // A fixed port is handed over within one component as well.
    desired
        .container("shop")
        .env
        .insert("A".to_owned(), literal("b"));
    place.apply_all(&desired).await;
    assert!(get("127.0.0.1:18080").await.starts_with("HTTP/1.1 200"));
    // The database is no longer asked for either; its data stays.
    desired.remove("db");
    desired.engine.volumes.clear();
    for name in ["cart", "migrate"] {
        desired.remove(name);
    }
    place.apply_all(&desired).await;
    assert_eq!(place.list("volume"), [place.name("db-data")]);
    assert_eq!(place.list("container"), [place.name("shop")]);
}

pub(super) async fn down_leaves_the_data(place: &Place) {
    let mut desired = chain(place);
    desired
        .engine
        .secrets
        .insert("p".to_owned(), SecretProvider::Generate {});
    desired
        .container("db")
        .env
        .insert("P".to_owned(), EnvValue::Secret("p".to_owned()));
    place.apply_all(&desired).await;
    let secret = std::fs::read_to_string(place.state().join("secrets/p")).unwrap();
    let report = place.down(&desired, false).await;
    assert_eq!(report.totals().deleted, 4);
    assert!(place.list("container").is_empty() && place.list("network").is_empty());
    assert_eq!(place.list("volume"), [place.name("db-data")]);
    assert_eq!(place.down(&desired, false).await.mutating_calls, 0);

    // Data and the secret that opens it are found again.
    place.apply_all(&desired).await;
    assert_eq!(
        secret,
        std::fs::read_to_string(place.state().join("secrets/p")).unwrap()
    );
    place.down(&desired, true).await;
    assert!(place.list("container").is_empty() && place.list("network").is_empty());
    assert!(place.list("volume").is_empty());
    assert!(
        !place.state().join("secrets").exists() && !place.state().join("inventory.json").exists()
    );
}
