//! What is kcc's own: applies that were killed, copies, locks, strangers.

use kcc_diag::Code;
use kcc_model::Check;
use kcc_plan::{Cancel, Options};

use super::{chain, literal};
use crate::docker::{BOX, Place, get, health, labels, publish};

pub(super) async fn what_is_not_ours_is_not_touched(place: &Place) {
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
        labels(&place.system, None)
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
        format!("container `{name}` is in the way, and kcc did not make it")
    );
    desired.remove("web");
    desired.serve("other", &[]);
    place.apply_all(&desired).await;
    place.down(&desired, true).await;
    assert_eq!(place.id("web"), id);
}

pub(super) async fn an_apply_that_was_killed_is_finished(place: &Place) {
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
        text.contains("- delete container SYSTEM-dev-cart.new an apply that was stopped left it"),
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

pub(super) async fn one_apply_at_a_time(place: &Place) {
    let mut desired = place.desired();
    desired.script("slow", "busybox sleep 600").health = Some(health(Check::Tcp { port: 1 }));
    desired.component("slow").deadline_ms = 3_000;
    let first = place.apply(&desired);
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        place.try_apply(&desired).await.unwrap_err()
    };
    let plan = async {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        let (desired, options) = (desired.finish(), place.options());
        kcc_docker::plan(&desired, &options).await.unwrap_err()
    };
    let (first, second, plan) = tokio::join!(first, second, plan);
    assert_eq!((plan.code, plan.exit_code()), (Code::ApplyLockHeld, 3));
    assert!(plan.message.starts_with("an apply is running since 20"));
    assert_eq!(first.exit_code(), 4);
    assert_eq!((second.code, second.exit_code()), (Code::ApplyLockHeld, 3));
    let pid = format!("UTC (process {})", std::process::id());
    let message = second.message;
    assert!(
        message.starts_with("an apply is running since 20") && message.ends_with(&pid),
        "{message}"
    );
}

pub(super) async fn an_instance_is_a_copy_of_its_own(place: &Place) {
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
