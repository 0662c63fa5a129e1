//! Ownership: killed applies, instances, locks, unmanaged objects.

use kcc_diag::Code;
use kcc_model::{Check, EnvValue};
use kcc_plan::revision::Change;
use kcc_test_engines::store::locked;

use super::{chain, literal};
use crate::docker::{BOX, Sandbox, health, labels};

pub(super) async fn unmanaged_objects_are_not_touched(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    let name = sandbox.name("web");
    sandbox
        .testbed
        .docker(&["run", "-d", "--name", &name, BOX, "busybox", "sleep", "600"]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        (error.code, error.exit_code()),
        (Code::PlanForeignObject, 3)
    );
    assert_eq!(
        error.message,
        format!("container `{name}` already exists and is not managed by kcc")
    );
    assert_eq!(
        error.help.as_deref(),
        Some(format!("remove it if nobody needs it: `docker rm -f {name}`").as_str())
    );
    let status = sandbox.status(&desired).await;
    assert!(!status.is_ready(), "{status:#?}");
    let why = format!("a container named `{name}` exists and is not managed by kcc");
    assert_eq!(status.components["web"].why, Some(why));
    sandbox.testbed.docker(&["rm", "-f", &name]);

    // Copied labels do not make it kcc's.
    let mut args = vec![
        "run".to_owned(),
        "-d".to_owned(),
        "--name".to_owned(),
        name.clone(),
    ];
    args.extend(
        labels(&sandbox.system, None)
            .iter()
            .map(|(key, value)| format!("--label={key}={value}")),
    );
    args.extend([BOX, "busybox", "sleep", "600"].map(str::to_owned));
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    sandbox.testbed.docker(&args);
    let id = sandbox.id("web");
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!(
        error.message,
        format!("container `{name}` already exists and is not managed by kcc")
    );
    desired.remove("web");
    desired.serve("other", &[]);
    sandbox.apply_all(&desired).await;
    sandbox.down(&desired, true).await;
    assert_eq!(sandbox.id("web"), id);
}

pub(super) async fn nothing_to_do_is_not_seen_during_another_apply(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    let secret = EnvValue::Secret("token".to_owned());
    desired
        .container("web")
        .env
        .insert("TOKEN".to_owned(), secret);
    let provider = sandbox.pausing_provider();
    desired.engine.secrets.insert("token".to_owned(), provider);
    sandbox.unpause();
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    let record = sandbox.record().await;
    let overtaken = sandbox.apply_overtaken(&desired, &record).await;
    assert_eq!(overtaken.unwrap_err().code, Code::ApplyLockHeld);
}

pub(super) async fn a_killed_apply_is_completed_by_the_next(sandbox: &Sandbox) {
    let mut desired = chain(sandbox);
    sandbox.apply_all(&desired).await;
    desired
        .container("cart")
        .env
        .insert("A".to_owned(), literal("b"));
    // As if killed between creating the successor and removing the old container.
    let plan = kcc_docker::plan(&desired.finish(), &sandbox.options())
        .await
        .unwrap();
    let intent = kcc_plan::Intent::of(&plan, 1);
    let record = sandbox.record().await;
    let begun = Box::pin(record.begin(&intent, Change::None));
    locked(&record, begun).await.unwrap();
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
    let successor = format!("{}.new", sandbox.name("cart"));
    let mut args = vec!["create", "--name", &successor];
    args.extend(labels.iter().map(String::as_str));
    args.push(BOX);
    args.push("true");
    sandbox.testbed.docker(&args);

    let status = sandbox.status(&desired).await;
    assert!(status.unfinished && !status.is_ready(), "{status:#?}");
    let text = sandbox.plan(&desired).await;
    assert!(
        text.contains("- delete container SYSTEM-dev-cart.new left behind by an interrupted apply"),
        "{text}"
    );
    sandbox.apply_all(&desired).await;
    assert!(!sandbox.testbed.has_intent(&sandbox.system, "dev"));
    let wanted: Vec<_> = ["cart", "db", "migrate", "web"]
        .map(|name| sandbox.name(name))
        .into();
    assert_eq!(sandbox.list("container"), wanted);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    assert!(sandbox.status(&desired).await.is_ready());
}

pub(super) async fn a_stopped_apply_stays_in_the_status(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());
    let container = desired.container("web");
    container.env.insert("A".to_owned(), literal("b"));
    sandbox.keeps_the_reason_of_a_stopped_apply(&desired).await;
}

pub(super) async fn one_apply_at_a_time(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("slow", "busybox sleep 600").health = Some(health(Check::Tcp { port: 1 }));
    desired.component("slow").deadline_ms = 3_000;
    let first = sandbox.apply(&desired);
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        sandbox.try_apply(&desired).await.unwrap_err()
    };
    let plan = async {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        let (desired, options) = (desired.finish(), sandbox.options());
        kcc_docker::plan(&desired, &options).await.unwrap_err()
    };
    let (first, second, plan) = tokio::join!(first, second, plan);
    assert_eq!((plan.code, plan.exit_code()), (Code::ApplyLockHeld, 3));
    assert!(
        plan.message
            .starts_with("an apply has been running since 20")
    );
    assert_eq!(first.exit_code(), 4);
    assert_eq!((second.code, second.exit_code()), (Code::ApplyLockHeld, 3));
    let pid = format!("UTC (process {}", std::process::id());
    let message = second.message;
    assert!(
        message.starts_with("an apply has been running since 20") && message.contains(&pid),
        "{message}"
    );
}
