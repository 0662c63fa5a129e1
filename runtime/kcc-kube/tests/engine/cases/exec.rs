//! Commands of users in containers, and connections to them.

use std::time::Duration;

use kcc_diag::Code;
use kcc_plan::{Error, ExecOptions, ExecSource, TerminalSize};
use kcc_test_engines::{Ran, forwarding::ports_are_forwarded};
use serde_json::json;

use crate::kubernetes::{BOX, Draft, Sandbox};

/// Runs a command with an input, which a terminal has no end of.
async fn run(
    sandbox: &Sandbox,
    desired: &Draft,
    wanted: &ExecOptions,
    input: &'static str,
    sizes: &[TerminalSize],
) -> Result<Ran, Error> {
    let (_open, endless) = tokio::io::duplex(1);
    let input: ExecSource = match wanted.terminal {
        Some(_) => Box::new(endless),
        None => Box::new(input.as_bytes()),
    };
    let running = sandbox.exec(desired, wanted, input, sizes);
    let ran = tokio::time::timeout(Duration::from_mins(1), running).await;
    ran.unwrap()
}

fn wanted(command: &[&str]) -> ExecOptions {
    ExecOptions {
        component: "web".to_owned(),
        command: command.iter().map(|part| (*part).to_owned()).collect(),
        stdin: true,
        ..ExecOptions::default()
    }
}

pub(super) async fn commands_run_with_input_terminal_and_exit_code(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    let sidecar = json!({
        "name": "box", "image": BOX, "args": ["sleep", "600"],
    });
    let pod = &mut desired.manifest("Deployment", "web")["spec"]["template"]["spec"];
    pod["containers"].as_array_mut().unwrap().push(sidecar);
    assert_eq!(sandbox.apply(&desired).await.exit_code(), 0);
    let boxed = |command: &[&str]| ExecOptions {
        container: Some("box".to_owned()),
        ..wanted(command)
    };

    let script = "/busybox cat; echo oops >&2; exit 7";
    let shell = boxed(&["/busybox", "sh", "-c", script]);
    let ran = run(sandbox, &desired, &shell, "one\ntwo\n", &[]).await;
    let expected = (Some(7), "one\ntwo\n".to_owned(), "oops\n".to_owned());
    assert_eq!(ran.unwrap(), expected);

    // Without its input a command sees the end of it at once.
    let mut alone = boxed(&["/busybox", "cat"]);
    alone.stdin = false;
    let ran = run(sandbox, &desired, &alone, "one\n", &[]).await.unwrap();
    assert_eq!(ran, (Some(0), String::new(), String::new()));

    let ran = run(sandbox, &desired, &boxed(&["nope"]), "", &[])
        .await
        .unwrap();
    assert_eq!(ran.0, Some(127), "{ran:?}");
    assert!(ran.2.contains("nope"), "{ran:?}");

    // The main container is the default.
    let ran = run(sandbox, &desired, &wanted(&["/shop", "nope"]), "", &[])
        .await
        .unwrap();
    assert_eq!(ran.0, Some(1), "{ran:?}");
    assert!(ran.2.starts_with("shop: unknown command"), "{ran:?}");

    // The terminal has the size at the start, and the one that it is changed to.
    let until = |size: &str| {
        format!(
            "while [ \"$(/busybox stty size 2>/dev/null)\" != '{size}' ]; do /busybox sleep 0.1; done; \
             /busybox stty size"
        )
    };
    let size = |columns, rows| TerminalSize { columns, rows };
    for (sizes, expected) in [(&[][..], "40 100"), (&[size(132, 50)], "50 132")] {
        let script = until(expected);
        let mut on_terminal = boxed(&["/busybox", "sh", "-c", &script]);
        on_terminal.terminal = Some(size(100, 40));
        let ran = run(sandbox, &desired, &on_terminal, "", sizes)
            .await
            .unwrap();
        assert_eq!(ran, (Some(0), format!("{expected}\r\n"), String::new()));
    }

    let mut missing = wanted(&["sh"]);
    missing.replica = Some(2);
    let error = run(sandbox, &desired, &missing, "", &[]).await.unwrap_err();
    assert_eq!(error.code, Code::PlanNotRunning);
    assert_eq!(
        error.message,
        "replica 2 of `web` is not running (running: 1) in `prod`"
    );
}

pub(super) async fn a_port_is_forwarded(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web");
    sandbox.apply_all(&desired).await;
    let (finished, options) = (desired.finish(), sandbox.options());
    ports_are_forwarded(async |wanted, started, failed| {
        kcc_kube::port_forward(&finished, &options, wanted, started, failed).await
    })
    .await;
}
