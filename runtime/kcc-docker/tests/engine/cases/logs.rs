//! Logs of containers: merged, redacted, and followed across restarts.

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use kcc_model::{EnvValue, SecretProvider};
use kcc_plan::{LogLine, LogOptions, LogReport};

use crate::docker::{Draft, Sandbox, write};

/// Reads logs until `enough` lines were passed on.
async fn read(
    sandbox: &Sandbox,
    desired: &Draft,
    wanted: &LogOptions,
    enough: usize,
) -> (Vec<LogLine>, LogReport) {
    let mut lines = Vec::new();
    let mut write = |line: LogLine| {
        lines.push(line);
        if lines.len() == enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let (desired, options) = (desired.finish(), sandbox.options());
    let mut warn = |text: &str| panic!("{text}");
    let reading = kcc_docker::logs(&desired, &options, wanted, &mut warn, &mut write);
    let report = tokio::time::timeout(Duration::from_mins(1), reading).await;
    (lines, report.unwrap().unwrap())
}

pub(super) async fn logs_are_merged_and_redacted(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    write(sandbox, "token", "t0ken/value\n");
    let provider = SecretProvider::File("token".to_owned());
    desired.engine.secrets.insert("token".to_owned(), provider);
    let script = "echo key $KEY; echo url t0ken%2Fvalue >&2; busybox sleep 600";
    let web = desired.script("web", script);
    web.env
        .insert("KEY".to_owned(), EnvValue::Secret("token".to_owned()));
    desired.script("cart", "echo hello; busybox sleep 600");
    sandbox.apply_all(&desired).await;
    let (lines, report) = read(sandbox, &desired, &LogOptions::default(), usize::MAX).await;
    assert_eq!((report.sources, report.failures.len()), (2, 0));
    assert!(lines.is_sorted_by_key(|line| line.time), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.machine.is_empty()));
    let texts: BTreeSet<_> = lines
        .iter()
        .map(|line| format!("{} {}: {}", line.component, line.container, line.text))
        .collect();
    let expected = ["cart cart: hello", "web web: key ***", "web web: url ***"];
    assert_eq!(texts, expected.map(str::to_owned).into());

    let wanted = LogOptions {
        components: BTreeSet::from(["web".to_owned()]),
        tail: Some(1),
        ..LogOptions::default()
    };
    let (lines, report) = read(sandbox, &desired, &wanted, usize::MAX).await;
    assert_eq!((report.sources, lines.len()), (1, 1), "{lines:#?}");
}

pub(super) async fn secrets_that_cannot_be_redacted_are_named(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    write(sandbox, "token", "t0ken");
    write(sandbox, "other", "0ther");
    for name in ["token", "other"] {
        let provider = SecretProvider::File(name.to_owned());
        desired.engine.secrets.insert(name.to_owned(), provider);
    }
    let web = desired.script("web", "echo $KEY; busybox sleep 600");
    web.env
        .insert("KEY".to_owned(), EnvValue::Secret("token".to_owned()));
    let cart = desired.script("cart", "busybox sleep 600");
    cart.env
        .insert("KEY".to_owned(), EnvValue::Secret("other".to_owned()));
    sandbox.apply_all(&desired).await;
    std::fs::remove_file(sandbox.root.path().join("token")).unwrap();
    let mut warnings = Vec::new();
    let mut warn = |text: &str| warnings.push(text.to_owned());
    let mut write = |_| ControlFlow::Continue(());
    let (full, options) = (desired.finish(), sandbox.options());
    for component in ["web", "cart"] {
        let wanted = LogOptions {
            components: BTreeSet::from([component.to_owned()]),
            ..LogOptions::default()
        };
        let report = kcc_docker::logs(&full, &options, &wanted, &mut warn, &mut write).await;
        assert!(report.unwrap().failures.is_empty());
    }
    let warning = "cannot read secret `token`: its value is not replaced in the output";
    assert_eq!(warnings, [warning], "only for the component that reads it");
}

pub(super) async fn logs_are_followed_across_restarts(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("web", "echo started; busybox sleep 600");
    sandbox.apply_all(&desired).await;
    let wanted = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let restart = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let name = sandbox.name("web");
        let restart =
            tokio::task::block_in_place(|| sandbox.testbed.docker(&["restart", "-t", "0", &name]));
        assert_eq!(restart, name);
    };
    let ((lines, _), ()) = tokio::join!(read(sandbox, &desired, &wanted, 2), restart);
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["started", "started"]);
    assert!(lines[0].time < lines[1].time, "{lines:#?}");
}
