//! Benchmarks kcc against the tools one would use instead, alternating within one
//! run: A B A B ….
//!
//! Prints the medians and the median ratio of the pairs, and never passes or fails:
//! the speed of a machine drifts, but the ratio of neighbouring runs is stable. The
//! `cue` tool is built from the Go module that kcc embeds.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reports to a person"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run should say where it stopped"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kcc_test_support::{binary, root};

const RUNS: usize = 9;

fn main() {
    // `cargo test` runs benches as well, without this argument.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let cue = build_cue();
    let shop = root().join("examples/shop");
    let many = tempfile::tempdir().unwrap();
    generate(many.path(), 1000, 20);

    println!(
        "{:<34} {:>10} {:>10} {:>8}",
        "kcc / instead", "kcc", "instead", "ratio"
    );
    pair(
        "--version / cue version",
        command(binary(), &shop, &["--version"]),
        command(&cue, &shop, &["version"]),
    );
    for (name, folder) in [("shop", shop.as_path()), ("1,000 services", many.path())] {
        let files = fragments(folder);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let vet = [&["vet", "-c=false"], files.as_slice()].concat();
        pair(
            &format!("check {name} / cue vet"),
            command(binary(), folder, &["check"]),
            command(&cue, folder, &vet),
        );
        let export = [
            &["export", "--out", "yaml", "-e", "services"],
            files.as_slice(),
        ]
        .concat();
        pair(
            &format!("render {name} / cue export"),
            command(binary(), folder, &["render", "--target", "dev"]),
            command(&cue, folder, &export),
        );
    }
    let tenths = fs::metadata(binary()).unwrap().len() / 100_000;
    println!("installed binary: {}.{} MB", tenths / 10, tenths % 10);
}

/// Times two commands alternately and prints a row.
fn pair(name: &str, mut kcc: Command, mut instead: Command) {
    let mut times: Vec<(Duration, Duration)> = Vec::new();
    for run in 0..=RUNS {
        let both = (time(&mut kcc), time(&mut instead));
        // The first pair only warms the caches.
        if run > 0 {
            times.push(both);
        }
    }
    let kcc = median(times.iter().map(|(a, _)| a.as_secs_f64()));
    let instead = median(times.iter().map(|(_, b)| b.as_secs_f64()));
    let ratio = median(times.iter().map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()));
    println!(
        "{name:<34} {:>7.1} ms {:>7.1} ms {ratio:>8.2}",
        kcc * 1e3,
        instead * 1e3
    );
}

fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.status().unwrap();
    let elapsed = start.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    elapsed
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Returns the fragments of a system as arguments for the `cue` tool.
fn fragments(folder: &Path) -> Vec<String> {
    let mut found = vec!["kcc.cue".to_owned()];
    let mut teams: Vec<PathBuf> = fs::read_dir(folder.join("teams"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    teams.sort();
    for team in teams {
        for file in fs::read_dir(team).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "cue") {
                found.push(
                    path.strip_prefix(folder)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    found.sort();
    found
}

/// Writes a system of services, spread over teams, in which each needs the previous
/// one.
fn generate(folder: &Path, services: usize, teams: usize) {
    let mut root = String::from("package many\n\nsystem: {\n\tname: \"many\"\n\tteams: {\n");
    for team in 0..teams {
        writeln!(root, "\t\tt{team}: path: \"teams/t{team}\"").unwrap();
    }
    root.push_str("\t}\n}\n");
    fs::write(folder.join("kcc.cue"), root).unwrap();
    for team in 0..teams {
        let path = folder.join(format!("teams/t{team}"));
        fs::create_dir_all(&path).unwrap();
        let mut text = String::from("package many\n");
        for service in (team..services).step_by(teams) {
            write!(
                text,
                "\nservices: s{service}: {{\n\timage: \"acme/s{service}:1\"\n\tport: 8080\n\tenv: LOG: \"debug\"\n"
            )
            .unwrap();
            if service > 0 {
                writeln!(text, "\tneeds: s{}: {{}}", service - 1).unwrap();
            }
            text.push_str("\thealth: http: \"/healthz\"\n}\n");
        }
        fs::write(path.join("services.cue"), text).unwrap();
    }
}

/// Builds the `cue` tool from the version that kcc embeds.
fn build_cue() -> PathBuf {
    let out = env::temp_dir().join("kcc-bench").join("cue");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&out)
        .arg("cuelang.org/go/cmd/cue")
        .current_dir(root().join("tests/bench/cue"))
        .status()
        .unwrap();
    assert!(status.success(), "the cue tool does not build");
    out
}
