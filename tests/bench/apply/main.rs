//! Benchmarks changes of real engines against the tools that one would use instead, in
//! turns within one run: `docker-compose` with 50 containers on the engine that
//! `kcc_test_engines::docker` finds, and `kubectl` with about 1,000 objects on the cluster
//! that `kcc_test_engines::kubernetes` finds. An engine that is not there is left out.
//!
//! Prints the medians and the median ratio of the pairs, and never passes or fails. The
//! time of kcc includes everything from reading fragments to the last ready component;
//! those of the others include neither rendering nor waiting for readiness.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reports to a person"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run should say where it stopped"
)]

mod docker;
mod kubernetes;
mod system;

use std::{
    collections::BTreeMap,
    env,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The number of turns.
const TURNS: usize = 3;

fn main() {
    // `cargo test` runs benches as well, without this argument.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    docker::run();
    kubernetes::run();
}

/// The times of one tool by case.
type Times = BTreeMap<&'static str, Duration>;

/// Runs each tool in turn and prints a line for each case.
fn compare(
    title: &str,
    other: &str,
    ours: impl Fn(usize) -> Times,
    theirs: impl Fn(usize) -> Times,
) {
    println!("{title:<34} {:>10} {other:>14} {:>8}", "kcc", "ratio");
    let turns: Vec<_> = (0..TURNS).map(|turn| (ours(turn), theirs(turn))).collect();
    for case in turns[0].0.keys() {
        let seconds = |times: &Times| times[case].as_secs_f64();
        let ours = median(turns.iter().map(|(ours, _)| seconds(ours)));
        let theirs = median(turns.iter().map(|(_, theirs)| seconds(theirs)));
        let ratio = median(
            turns
                .iter()
                .map(|(ours, theirs)| seconds(ours) / seconds(theirs)),
        );
        println!("{case:<34} {ours:>8.2} s {theirs:>12.2} s {ratio:>8.2}");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures a command, which has to succeed.
fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let done = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let elapsed = start.elapsed();
    let done = done.unwrap();
    assert!(done.status.success(), "{command:?}: {done:#?}");
    elapsed
}
