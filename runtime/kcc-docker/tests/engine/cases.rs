//! The cases. Each works on a system of its own, so they run side by side.

use std::{future::Future, pin::Pin};

use kcc_diag::Code;
use kcc_lower::docker::{HealthCheck, Mount};
use kcc_model::{Check, EnvValue, Part, SecretProvider, Until};
use kcc_plan::{ApplyReport, Cancel, Options, Outcome, State};

use crate::place::{BOX, Draft, Place, get, health, publish, shop_program, write};

type Case = for<'a> fn(&'a Place) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! cases {
    ($($name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] =
            &[$((stringify!($name), |place| Box::pin($name(place))),)*];
    };
}

cases! {
    a_chain_comes_up_in_order_and_stays,
    only_what_changed_is_replaced,
    what_was_killed_is_healed,
    a_bad_replacement_leaves_the_old_one,
    what_writes_to_a_volume_is_stopped_first,
    a_component_that_is_never_ready_says_why,
    a_command_is_asked_before_the_engine_asks_it,
    a_failed_job_skips_what_needs_it,
    a_job_runs_again_only_when_it_changed,
    images_are_built_when_their_context_changes,
    a_broken_build_shows_its_end,
    an_image_that_cannot_be_had_names_who_wants_it,
    secrets_reach_the_container_and_nothing_else,
    files_reach_a_root_that_cannot_be_written,
    replicas_share_a_name_and_free_ports_are_kept,
    what_is_not_ours_is_not_touched,
    what_is_no_longer_asked_for_goes,
    a_host_port_that_is_taken_is_said,
    an_apply_that_was_killed_is_finished,
    down_leaves_the_data,
    one_apply_at_a_time,
    an_instance_is_a_copy_of_its_own,
}

fn literal(text: &str) -> EnvValue {
    EnvValue::Literal(text.to_owned())
}

/// The lines that explain a component's failure.
fn detail(report: &ApplyReport, component: &str) -> String {
    let failures = report.failures.iter();
    let own = failures.filter(|failure| failure.component.as_deref() == Some(component));
    own.flat_map(|failure| failure.detail.clone())
        .collect::<Vec<_>>()
        .join("\n")
}

/// web → cart → db, as in the shop, with a migration between.
fn chain(place: &Place) -> Draft {
    let mut desired = place.desired();
    let volume = desired.volume("db", "data");
    let db = desired.add("db", crate::place::SHOP, &["serve", "--listen", ":5432"]);
    let check = [
        "/shop",
        "migrate",
        "--dial",
        "127.0.0.1:5432",
        "--within",
        "0s",
    ];
    db.health = Some(health(Check::Exec(check.map(str::to_owned).into())));
    db.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    desired.add(
        "migrate",
        crate::place::SHOP,
        &["migrate", "--dial", "db:5432"],
    );
    desired.job("migrate");
    desired.serve("cart", &["--dial", "db:5432"]);
    desired
        .serve("web", &["--call", "http://cart:8080"])
        .ports
        .push(publish(8080, None));
    desired.after("migrate", "db", Until::Healthy);
    desired.after("cart", "migrate", Until::Completed);
    desired.after("web", "cart", Until::Healthy);
    desired
}

async fn a_chain_comes_up_in_order_and_stays(place: &Place) {
    let desired = chain(place);
    let text = place.plan(&desired).await;
    let expected = "\
SYSTEM in dev: 6 to create, 1 object unchanged

  + create network    SYSTEM-dev          it is not there
  + create volume     SYSTEM-dev-db-data  it is not there [storefront]
  + create container  SYSTEM-dev-db       it is not there [storefront]
  + create container  SYSTEM-dev-migrate  it is not there [storefront]
  + create container  SYSTEM-dev-cart     it is not there [storefront]
  + create container  SYSTEM-dev-web      it is not there [storefront]
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

async fn only_what_changed_is_replaced(place: &Place) {
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
        plan.contains("± replace container  SYSTEM-dev-cart  `env.GREETING`, `env.LOG` changed"),
        "{plan}"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["cart"].outcome, Outcome::Replaced);
    assert_eq!(report.totals().unchanged, 3);
    assert_ne!(cart, place.id("cart"));
    assert_eq!(ids, ["db", "migrate", "web"].map(|name| place.id(name)));
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

async fn what_was_killed_is_healed(place: &Place) {
    let desired = chain(place);
    place.apply_all(&desired).await;
    place.bed.docker(&["kill", &place.name("cart")]);
    place.bed.docker(&["rm", "-f", &place.name("web")]);
    let status = place.status(&desired).await;
    assert_eq!(status.components["cart"].state, State::Failed);
    assert_eq!(
        status.components["cart"].why.as_deref(),
        Some("it ended with exit code 137")
    );
    assert_eq!(status.components["web"].state, State::Absent);
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("> run    container  SYSTEM-dev-cart  it does not run (exit code 137)"),
        "{plan}"
    );
    assert!(
        plan.contains("+ create container  SYSTEM-dev-web   it is not there"),
        "{plan}"
    );
    let report = place.apply_all(&desired).await;
    assert_eq!((report.totals().updated, report.totals().created), (1, 1));
    assert!(place.status(&desired).await.ready());
    place.bed.docker(&["pause", &place.name("cart")]);
    assert!(place.plan(&desired).await.contains("it is paused"));
    place.apply_all(&desired).await;
    assert!(place.status(&desired).await.ready());
}

async fn a_bad_replacement_leaves_the_old_one(place: &Place) {
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
        message.contains("did not become ready, the old one goes on: nothing listens on port 8080"),
        "{message}"
    );
    assert_eq!(old, place.id("web"));
    assert_eq!(place.inspect("web", "{{.State.Status}}"), "running");
    assert_eq!(place.list("container"), [place.name("web")]);
}

async fn what_writes_to_a_volume_is_stopped_first(place: &Place) {
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

async fn a_component_that_is_never_ready_says_why(place: &Place) {
    let mut desired = place.desired();
    let web = desired.serve("web", &[]);
    web.health = Some(health(Check::Http {
        path: "/nowhere".to_owned(),
        port: 8080,
    }));
    desired.component("web").deadline_ms = 1_000;
    desired.script("crash", "echo the disk is full; exit 7");
    desired.component("crash").deadline_ms = 3_000;
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
    assert!(
        why("crash").contains("ends again and again"),
        "{}",
        why("crash")
    );
    assert!(
        detail(&report, "crash").ends_with("the disk is full"),
        "{report:#?}"
    );
    assert_eq!(report.components["fine"].outcome, Outcome::Created);
    // It is still so, and an apply that changes nothing says it again.
    let again = place.apply(&desired).await;
    assert_eq!((again.exit_code(), again.mutating_calls), (4, 0));
}

async fn a_failed_job_skips_what_needs_it(place: &Place) {
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

async fn a_job_runs_again_only_when_it_changed(place: &Place) {
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
        place
            .plan(&desired)
            .await
            .contains("> run container  SYSTEM-dev-count  it did not complete (exit code 1)")
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

async fn images_are_built_when_their_context_changes(place: &Place) {
    let mut desired = place.desired();
    let tag = format!("{}-app", place.system);
    std::fs::create_dir_all(place.folder.path().join("app")).unwrap();
    std::fs::copy(shop_program(), place.folder.path().join("app/shop")).unwrap();
    write(
        place,
        "app/Dockerfile",
        "FROM scratch\nCOPY shop /shop\nCOPY page /page\nENTRYPOINT [\"/shop\"]\n",
    );
    write(place, "app/page", "one");
    write(place, "app/.dockerignore", "*.md\n");
    desired.build("web", &tag, "app");
    desired.serve("web", &[]).image.clone_from(&tag);
    desired.serve("two", &[]).image.clone_from(&tag);
    desired.docker.images.remove(crate::place::SHOP);
    let report = place.apply_all(&desired).await;
    assert_eq!((report.planned, report.performed), (4, 4));
    write(place, "app/README.md", "left out");
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    write(place, "app/page", "two");
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("~ update  image      SYSTEM-app      `app` changed")
            || plan.contains("`app` changed"),
        "{plan}"
    );
    assert!(plan.contains("its image is built anew"), "{plan}");
    let report = place.apply_all(&desired).await;
    assert_eq!(report.totals().replaced, 2);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    place.down(&desired, true).await;
    place.bed.docker(&["rmi", "-f", &tag]);
}

async fn a_broken_build_shows_its_end(place: &Place) {
    let mut desired = place.desired();
    let tag = format!("{}-app", place.system);
    write(place, "app/Dockerfile", "FROM scratch\nCOPY nothing /x\n");
    desired.build("web", &tag, "app");
    desired.serve("web", &[]).image.clone_from(&tag);
    desired.docker.images.remove(crate::place::SHOP);
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

async fn an_image_that_cannot_be_had_names_who_wants_it(place: &Place) {
    let mut desired = place.desired();
    desired.add("web", "localhost:1/acme/web:1.4.2", &[]);
    let report = place.apply(&desired).await;
    let failure = &report.failures[0];
    assert_eq!(failure.code, Code::ApplyImagePull);
    let start = "image `localhost:1/acme/web:1.4.2` of `web` cannot be pulled: ";
    assert!(failure.message.starts_with(start), "{}", failure.message);
    assert_eq!(report.exit_code(), 4);
}

async fn secrets_reach_the_container_and_nothing_else(place: &Place) {
    let mut desired = place.desired();
    write(place, "token", "t0ken-value\n");
    desired
        .docker
        .secrets
        .insert("db-password".to_owned(), SecretProvider::Generate {});
    desired
        .docker
        .secrets
        .insert("token".to_owned(), SecretProvider::File("token".to_owned()));
    let script = "echo I am $PASSWORD and $URL; busybox cat /run/token; echo; busybox sleep 600";
    let web = desired.script("web", script);
    web.env.insert(
        "PASSWORD".to_owned(),
        EnvValue::Secret("db-password".to_owned()),
    );
    let url = vec![
        Part::Text("db://:".to_owned()),
        Part::Secret("db-password".to_owned()),
    ];
    web.env.insert("URL".to_owned(), EnvValue::Template(url));
    web.mounts
        .insert("/run/token".to_owned(), Mount::Secret("token".to_owned()));
    web.health = Some(health(Check::Tcp { port: 1 }));
    desired.component("web").deadline_ms = 1_000;
    let report = place.apply(&desired).await;

    let value = std::fs::read_to_string(place.state().join("secrets/db-password")).unwrap();
    let log = place.bed.docker(&["logs", &place.name("web")]);
    assert_eq!(log, format!("I am {value} and db://:{value}\nt0ken-value"));
    assert_eq!(detail(&report, "web"), "I am *** and db://:***\n***");

    let labels = place.inspect("web", "{{json .Config.Labels}}");
    let mut texts = vec![
        format!("{report:?}"),
        labels,
        place.heard.lines().join("\n"),
    ];
    texts.push(std::fs::read_to_string(place.state().join("inventory.json")).unwrap());
    for text in texts {
        assert!(
            !text.contains(&value) && !text.contains("t0ken-value"),
            "{text}"
        );
    }
    // The value is kept: nothing changes, and a new container gets the same.
    assert_eq!(place.apply(&desired).await.mutating_calls, 0);
    desired.docker.secrets.insert(
        "token".to_owned(),
        SecretProvider::Env("NOT_SET".to_owned()),
    );
    desired.container("web").args = Some(vec!["busybox sleep 600".to_owned()]);
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!((error.code, error.exit_code()), (Code::ApplySecret, 3));
}

async fn files_reach_a_root_that_cannot_be_written(place: &Place) {
    let mut desired = place.desired();
    desired
        .docker
        .secrets
        .insert("key".to_owned(), SecretProvider::Generate {});
    let script = "busybox cat /etc/app/a.toml /etc/app/deep/b.toml; busybox wc -c </run/keys/key; \
                  busybox touch /x 2>/dev/null || echo read-only; busybox touch /tmp/x && echo tmp; busybox sleep 600";
    let web = desired.script("web", script);
    web.read_only = true;
    web.files
        .insert("/etc/app/a.toml".to_owned(), "a = 1\n".to_owned());
    web.files
        .insert("/etc/app/deep/b.toml".to_owned(), "b = 2\n".to_owned());
    web.mounts
        .insert("/run/keys/key".to_owned(), Mount::Secret("key".to_owned()));
    web.mounts.insert("/tmp".to_owned(), Mount::Tmpfs {});
    place.apply_all(&desired).await;
    let log = place.bed.docker(&["logs", &place.name("web")]);
    assert_eq!(log, "a = 1\nb = 2\n32\nread-only\ntmp");
    desired
        .container("web")
        .files
        .insert("/etc/app/a.toml".to_owned(), "a = 2\n".to_owned());
    assert!(
        place
            .plan(&desired)
            .await
            .contains("`files./etc/app/a.toml` changed")
    );
    place.apply_all(&desired).await;
    assert!(
        place
            .bed
            .docker(&["logs", &place.name("web")])
            .starts_with("a = 2\n")
    );
}

async fn replicas_share_a_name_and_free_ports_are_kept(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web", &[]).ports.push(publish(8080, None));
    let mut second = desired.container("web").clone();
    second.ports.clear();
    let two = format!("{}-2", desired.name("web"));
    desired.docker.containers.insert(two.clone(), second);
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
        let container = desired.docker.containers.get_mut(&name).unwrap();
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

async fn what_is_not_ours_is_not_touched(place: &Place) {
    let mut desired = place.desired();
    desired.serve("web", &[]);
    let name = place.name("web");
    place
        .bed
        .docker(&["run", "-d", "--name", &name, BOX, "busybox", "sleep", "600"]);
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        (error.code, error.exit_code()),
        (Code::PlanForeignObject, 3)
    );
    assert_eq!(
        error.message,
        format!("container `{name}` is in the way, and kcc did not make it")
    );
    assert_eq!(
        error.help.as_deref(),
        Some(format!("if nobody needs it: `docker rm -f {name}`").as_str())
    );
    place.bed.docker(&["rm", "-f", &name]);

    // Copied labels make it none of ours.
    let mut args = vec![
        "run".to_owned(),
        "-d".to_owned(),
        "--name".to_owned(),
        name.clone(),
    ];
    args.extend(
        desired
            .target_labels()
            .iter()
            .map(|(key, value)| format!("--label={key}={value}")),
    );
    args.extend([BOX, "busybox", "sleep", "600"].map(str::to_owned));
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    place.bed.docker(&args);
    let id = place.id("web");
    let error = place.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        format!("container `{name}` carries kcc's labels, but this user's kcc did not make it")
    );
    desired.remove("web");
    desired.serve("other", &[]);
    place.apply_all(&desired).await;
    place.down(&desired, true).await;
    assert_eq!(place.id("web"), id);
}

async fn what_is_no_longer_asked_for_goes(place: &Place) {
    let mut desired = chain(place);
    desired.container("web").ports = vec![publish(8080, Some(18_080))];
    place.apply_all(&desired).await;
    // Another component takes over the host port in the same apply.
    desired.remove("web");
    desired.serve("shop", &[]).ports = vec![publish(8080, Some(18_080))];
    let plan = place.plan(&desired).await;
    assert!(
        plan.contains("- delete container  SYSTEM-dev-web   no fragment asks for it"),
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
    desired.docker.volumes.clear();
    for name in ["cart", "migrate"] {
        desired.remove(name);
    }
    place.apply_all(&desired).await;
    assert_eq!(place.list("volume"), [place.name("db-data")]);
    assert_eq!(place.list("container"), [place.name("shop")]);
}

async fn an_apply_that_was_killed_is_finished(place: &Place) {
    let mut desired = chain(place);
    place.apply_all(&desired).await;
    desired
        .container("cart")
        .env
        .insert("A".to_owned(), literal("b"));
    // As if killed between making the successor and taking the old one away.
    let plan = kcc_docker::plan(&desired.finish(), &place.options())
        .await
        .unwrap();
    let intent = kcc_plan::Intent::of(&plan, 1);
    std::fs::write(
        place.state().join("intent.json"),
        serde_json::to_vec(&intent).unwrap(),
    )
    .unwrap();
    let labels: Vec<_> = desired
        .container("cart")
        .labels
        .clone()
        .into_iter()
        .collect();
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("--label={key}={value}"))
        .collect();
    let successor = format!("{}.new", place.name("cart"));
    let mut args = vec!["create", "--name", &successor];
    args.extend(labels.iter().map(String::as_str));
    args.push(BOX);
    args.push("true");
    place.bed.docker(&args);

    let text = place.plan(&desired).await;
    assert!(
        text.contains(
            "- delete  container  SYSTEM-dev-cart.new  an apply that was stopped left it"
        ),
        "{text}"
    );
    place.apply_all(&desired).await;
    assert!(!place.state().join("intent.json").exists());
    let wanted: Vec<_> = ["cart", "db", "migrate", "web"]
        .map(|name| place.name(name))
        .into();
    assert_eq!(place.list("container"), wanted);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

async fn down_leaves_the_data(place: &Place) {
    let mut desired = chain(place);
    desired
        .docker
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

async fn one_apply_at_a_time(place: &Place) {
    let mut desired = place.desired();
    desired.script("slow", "busybox sleep 600").health = Some(health(Check::Tcp { port: 1 }));
    desired.component("slow").deadline_ms = 3_000;
    let first = place.apply(&desired);
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        place.try_apply(&desired).await.unwrap_err()
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.exit_code(), 4);
    assert_eq!((second.code, second.exit_code()), (Code::ApplyLockHeld, 3));
    let pid = format!("process {} since", std::process::id());
    assert!(second.message.contains(&pid), "{}", second.message);
}

async fn an_instance_is_a_copy_of_its_own(place: &Place) {
    let mut desired = chain(place);
    desired.container("web").ports = vec![publish(8080, Some(18_090))];
    place.apply_all(&desired).await;
    let ids = ["db", "cart", "web"].map(|name| place.id(name));
    let copy = Options {
        instance: Some("pr-12".to_owned()),
        ..place.options()
    };
    let (full, cancel) = (desired.finish(), Cancel::new());
    let report = kcc_docker::apply(&full, &copy, &place.heard, &cancel)
        .await
        .unwrap();
    assert!(
        report.complete() && report.totals().created == 4,
        "{report:#?}"
    );
    let name = format!("{}-dev.pr-12-web", place.system);
    assert!(
        place.list("container").contains(&name),
        "{:?}",
        place.list("container")
    );
    let status = kcc_docker::status(&full, &copy).await.unwrap();
    let address = &status.components["web"].addresses[0];
    assert_ne!(address, "127.0.0.1:18090");
    assert!(get(address).await.starts_with("HTTP/1.1 200"));
    let again = kcc_docker::apply(&full, &copy, &place.heard, &cancel)
        .await
        .unwrap();
    assert_eq!((again.mutating_calls, again.exit_code()), (0, 0));

    // Neither sees the other's objects, its data and its networks among them.
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    let all = Options {
        volumes: true,
        ..copy
    };
    let report = kcc_docker::down(&full, &all, &place.heard, &cancel)
        .await
        .unwrap();
    assert_eq!((report.totals().deleted, report.exit_code()), (4, 0));
    assert_eq!(place.list("volume"), [place.name("db-data")]);
    assert_eq!(ids, ["db", "cart", "web"].map(|name| place.id(name)));
}

async fn a_host_port_that_is_taken_is_said(place: &Place) {
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

async fn a_command_is_asked_before_the_engine_asks_it(place: &Place) {
    let mut desired = place.desired();
    let check = |script: &str| Check::Exec(["sh", "-c", script].map(str::to_owned).into());
    let slow = "busybox sleep 1; echo up >/tmp/up; busybox sleep 600";
    let db = desired.script("db", slow);
    db.mounts.insert("/tmp".to_owned(), Mount::Tmpfs {});
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
