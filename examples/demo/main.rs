//! `cargo demo`: builds kcc and the shop, checks and renders the shop for
//! every target, and runs it if a Docker engine answers.

#![allow(clippy::print_stderr, reason = "the demo talks to a person")]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

const TARGETS: [&str; 4] = ["dev", "test", "stage", "prod"];
const ENVIRONMENT_FAILED: i32 = 3;

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("demo: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = root.join("examples/shop");
    let kcc = build(root)?;
    run(Command::new(shop.join("app/build")))?;

    let kcc = |args: &[&str]| {
        let mut command = Command::new(&kcc);
        command.args(args).current_dir(&shop);
        command
    };
    say("three teams, one system, four targets: checked in one run");
    run(kcc(&["check"]))?;
    for target in TARGETS {
        let rendered = output(kcc(&["render", "--target", target]))?;
        say(&format!(
            "{target}: {} lines rendered",
            rendered.lines().count()
        ));
    }

    if !docker_answers(kcc(&["--quiet", "status", "--target", "dev"]))? {
        say("no Docker engine answers: install Docker and start it to see the shop run");
        return Ok(());
    }
    say("applying the shop to Docker");
    run(kcc(&["apply", "--target", "dev"]))?;
    run(kcc(&["status", "--target", "dev"]))?;
    say("it answers at http://localhost:8080; `kcc down --target dev` in examples/shop removes it");
    Ok(())
}

/// Builds the real binary and returns its path: the parent of this program's
/// directory contains it.
fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--bin", "kcc"])
        .current_dir(root);
    run(command)?;
    let here = env::current_exe().map_err(|error| error.to_string())?;
    let folder = here
        .ancestors()
        .nth(2)
        .ok_or("the demo does not run in a target directory")?;
    Ok(folder.join("kcc"))
}

/// Returns true if the engine of `dev` answers, by the exit code of `kcc status`.
fn docker_answers(mut status: Command) -> Result<bool, String> {
    let status = status
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    Ok(status.code() != Some(ENVIRONMENT_FAILED))
}

fn say(text: &str) {
    eprintln!("\n== {text}");
}

fn run(mut command: Command) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} ended with {status}"))
    }
}

fn output(mut command: Command) -> Result<String, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
