//! Commands of users in containers, and connections to them.

use std::time::Duration;

use kcc_diag::Code;
use kcc_plan::{Error, ExecOptions, ExecSource, TerminalSize};
use kcc_test_engines::{Ran, forwarding::ports_are_forwarded};

use crate::docker::{Draft, Sandbox};

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

fn wanted(component: &str, command: &[&str]) -> ExecOptions {
    ExecOptions {
        component: component.to_owned(),
        command: command.iter().map(|part| (*part).to_owned()).collect(),
        stdin: true,
        ..ExecOptions::default()
    }
}

pub(super) async fn commands_run_with_input_and_exit_code(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("web", "busybox sleep 600");
    sandbox.apply_all(&desired).await;
    let script = "busybox cat; echo oops >&2; exit 7";
    let shell = wanted("web", &["sh", "-c", script]);
    let ran = run(sandbox, &desired, &shell, "one\ntwo\n", &[]).await;
    let expected = (Some(7), "one\ntwo\n".to_owned(), "oops\n".to_owned());
    assert_eq!(ran.unwrap(), expected);

    // Without its input a command sees the end of it at once.
    let mut alone = wanted("web", &["busybox", "cat"]);
    alone.stdin = false;
    let ran = run(sandbox, &desired, &alone, "one\n", &[]).await.unwrap();
    assert_eq!(ran, (Some(0), String::new(), String::new()));

    let ran = run(sandbox, &desired, &wanted("web", &["nope"]), "", &[])
        .await
        .unwrap();
    assert!(matches!(ran.0, Some(126 | 127)), "{ran:?}");
    assert!((ran.1 + &ran.2).contains("nope"));

    let error = run(sandbox, &desired, &wanted("cart", &["sh"]), "", &[])
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::PlanNotRunning);
    assert_eq!(error.message, "component `cart` is not running in `dev`");
}

pub(super) async fn commands_have_a_terminal_of_the_users_size(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("web", "busybox sleep 600");
    sandbox.apply_all(&desired).await;
    let size = |columns, rows| TerminalSize { columns, rows };
    // The terminal has the size at the start, and the one that it is changed to.
    for (sizes, expected) in [(&[][..], "40 100"), (&[size(132, 50)], "50 132")] {
        let script = format!(
            "while [ \"$(busybox stty size 2>/dev/null)\" != '{expected}' ]; do busybox sleep 0.1; done; \
             busybox tty >&2"
        );
        let mut on_terminal = wanted("web", &["sh", "-c", &script]);
        on_terminal.terminal = Some(size(100, 40));
        let ran = run(sandbox, &desired, &on_terminal, "", sizes).await;
        let (code, out, err) = ran.unwrap();
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        assert!(out.starts_with("/dev/pts/"), "{out:?}");
    }
}

pub(super) async fn a_port_is_forwarded(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;
    let (finished, options) = (desired.finish(), sandbox.options());
    ports_are_forwarded(async |wanted, started, failed| {
        kcc_docker::port_forward(&finished, &options, wanted, started, failed).await
    })
    .await;
}
