//! `cargo demo`: builds kcc and the shop, checks and renders the shop for
//! every target, and runs it if a Docker engine answers.
//!
//! A package without dependencies, so that cargo starts it within seconds and it can
//! show the long build of kcc. Cargo hides the output of build scripts, among them
//! the one that compiles the evaluator, unless it is very verbose (`-vv`): the demo
//! asks for that and shows the lines that tell about progress.

#![allow(clippy::print_stderr, reason = "the demo talks to a person")]

use std::{
    collections::VecDeque,
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

const TARGETS: [&str; 4] = ["dev", "test", "stage", "prod"];
const ENVIRONMENT_FAILED: i32 = 3;

/// Prefix of the lines that the evaluator's build script prints.
const EVALUATOR: &str = concat!("[kcc-cue ", env!("CARGO_PKG_VERSION"), "] ");

/// Words that cargo begins the lines about its progress with.
const PROGRESS: [&str; 4] = ["Compiling", "Downloading", "Downloaded", "Finished"];

/// The number of lines to show of a build that failed.
const EVIDENCE: usize = 60;

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .ok_or("the demo is not in a checkout of kcc")?;
    let shop = root.join("examples/shop");
    let binary = stage(
        "build kcc: about ten minutes on two idle cores the first time, most of it for the CUE evaluator",
        || build(root),
    )?;
    stage("build the shop's program", || {
        run(Command::new(shop.join("app/build")))
    })?;

    let kcc = |args: &[&str]| {
        let mut command = Command::new(&binary);
        command.args(args).current_dir(&shop);
        command
    };
    stage("check three teams, one system, four targets", || {
        run(kcc(&["check"]))
    })?;
    stage("render each target", || {
        for target in TARGETS {
            let rendered = output(kcc(&["render", "--target", target]))?;
            eprintln!("{target}: {} lines", rendered.lines().count());
        }
        Ok(())
    })?;

    if !docker_answers(kcc(&["--quiet", "status", "--target", "dev"]))? {
        eprintln!(
            "\nNo Docker engine answers: install Docker and start it to see the shop run. Nothing \
             is left running; the build is in {}, and the compiled evaluator in $KCC_CACHE, by \
             default ~/.cache/kcc.",
            binary.parent().unwrap_or(root).display()
        );
        return Ok(());
    }
    let applied = stage("apply the shop to Docker", || {
        run(kcc(&["apply", "--target", "dev"]))
    })
    .and_then(|()| run(kcc(&["status", "--target", "dev"])));
    if applied.is_ok() {
        eprintln!("\nThe shop answers at http://localhost:8080.");
    }
    // A failed apply also leaves what it created.
    eprintln!(
        "\nThe shop's containers, networks and volumes stay until \
         you remove them:\n\n    {} -C {} down --target dev --volumes\n\nIts images stay as well \
         (`docker image ls`), and so do the build in {} and the compiled evaluator in $KCC_CACHE, \
         by default ~/.cache/kcc.",
        binary.display(),
        shop.display(),
        binary.parent().unwrap_or(root).display()
    );
    applied
}

/// Runs a stage under a title, and says how long it took.
fn stage<T>(title: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    eprintln!("\n== {title}");
    let start = Instant::now();
    let result = work()?;
    eprintln!("   done in {}", shown(start.elapsed()));
    Ok(result)
}

fn shown(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// Builds the real binary and returns its path: beside this program.
fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "-vv", "--color", "never", "--bin", "kcc"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let mut last = VecDeque::new();
    for line in child.stderr.take().into_iter().flat_map(lines) {
        if let Some(progress) = progress(&line) {
            eprintln!("   {progress}");
        }
        last.push_back(line);
        if last.len() > EVIDENCE {
            last.pop_front();
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        for line in last {
            eprintln!("{line}");
        }
        return Err(format!("{command:?} ended with {status}"));
    }
    let here = env::current_exe().map_err(|error| error.to_string())?;
    let dir = here
        .parent()
        .ok_or("the demo does not run in a target directory")?;
    Ok(dir.join(format!("kcc{}", env::consts::EXE_SUFFIX)))
}

/// Returns the lines of a program's output, up to the first that cannot be read.
fn lines(output: impl std::io::Read) -> impl Iterator<Item = String> {
    let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// Returns the part of a line to show, if it tells about progress.
fn progress(line: &str) -> Option<&str> {
    if let Some(line) = line.strip_prefix(EVALUATOR) {
        // Build scripts talk to cargo on the same channel.
        return (!line.starts_with("cargo:")).then_some(line.trim_start());
    }
    let line = line.trim_start();
    let first = line.split(' ').next()?;
    PROGRESS.contains(&first).then_some(line)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_progress_of_cargo_and_of_the_evaluator() {
        for (line, expected) in [
            ("   Compiling serde v1.0.0", Some("Compiling serde v1.0.0")),
            ("     Running `rustc --crate-name serde`", None),
            ("[serde 1.0.0] cargo:rustc-cfg=x", None),
            (&format!("{EVALUATOR}cargo::rerun-if-changed=x"), None),
            (
                &format!("{EVALUATOR}compiling the evaluator with Go"),
                Some("compiling the evaluator with Go"),
            ),
            (
                &format!("{EVALUATOR}   Compiling wasmtime v1.0.0"),
                Some("Compiling wasmtime v1.0.0"),
            ),
        ] {
            assert_eq!(progress(line), expected, "{line}");
        }
    }

    #[test]
    fn shows_times() {
        assert_eq!(shown(Duration::from_secs(59)), "59 s");
        assert_eq!(shown(Duration::from_secs(61)), "1 min 1 s");
    }
}
