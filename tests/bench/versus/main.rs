//! Benchmarks kcc against the `cue` tool on systems of 10 to 5,000 services, alternating
//! within one run: A B A B ….
//!
//! Both do the same work: the same fragments, and for `cue` a schema with the same
//! constraints and a check of dependencies (`tests/bench/cue/side`); both have to refuse
//! the same mistakes first. The `cue` tool is built from the Go module that kcc embeds.
//!
//! Prints the medians and the median ratio of the pairs beside the aim, and never fails
//! on a time: the speed of a machine drifts, but the ratio of neighbouring runs is
//! stable. Writes the growth as a picture, `docs/growth.svg`, if all sizes were measured.
//! `KCC_BENCH_RUNS` (5) and `KCC_BENCH_SERVICES` (`10,100,1000,5000`) make it shorter.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reports to a person"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run should say where it stopped"
)]

mod growth;
mod run;
mod system;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use growth::Growth;
use kcc_test_support::{binary, root};
use run::{Measured, median};
use system::System;

fn main() {
    // `cargo test` runs benches as well, without this argument.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let cue = build_cue();
    let sizes: Vec<usize> = env::var("KCC_BENCH_SERVICES")
        .unwrap_or_else(|_| "10,100,1000,5000".to_owned())
        .split(',')
        .map(|size| size.parse().unwrap())
        .collect();
    let runs = env::var("KCC_BENCH_RUNS").map_or(5, |runs| runs.parse().unwrap());
    let bench = Bench { cue, runs };
    bench.refuse_the_same_mistakes();
    println!(
        "{:<44} {:>10} {:>10} {:>7} {:>6} {:>12}",
        "case / cue", "kcc", "cue", "ratio", "aim", "MiB kcc/cue"
    );
    bench.version();
    let mut growth = Growth::default();
    for size in &sizes {
        bench.size(*size, &mut growth);
    }
    if sizes.len() >= 4 {
        let picture = root().join("docs/growth.svg");
        fs::write(&picture, growth.picture()).unwrap();
        println!("wrote {}", picture.display());
    }
    let tenths = fs::metadata(binary()).unwrap().len() / 100_000;
    println!("installed binary: {}.{} MB", tenths / 10, tenths % 10);
}

/// The parts that all rows share.
struct Bench {
    cue: PathBuf,
    runs: usize,
}

/// The medians of a row.
struct Row {
    kcc: Measured,
    cue: Measured,
}

impl Bench {
    fn cue(&self, system: &System, args: &[&str], files: &[&str]) -> Command {
        let side = root().join("tests/bench/cue/side");
        let mut command = Command::new(&self.cue);
        command.args(args).args(system.fragments());
        command.args(files.iter().map(|name| side.join(name)));
        command.current_dir(system.path());
        command
    }

    fn vet(&self, system: &System) -> Command {
        self.cue(system, &["vet", "-c"], &["schema.cue"])
    }

    /// Checks that neither side passes what the other one refuses.
    fn refuse_the_same_mistakes(&self) {
        let fails = |mut command: Command| !command.output().unwrap().status.success();
        let system = System::new(10, 2, &["dev", "prod"]);
        assert!(!fails(self.vet(&system)), "cue accepts the system");
        assert!(!fails(kcc(&system, &["check"])), "kcc accepts the system");
        for mistake in [
            "services: s3: imge: \"acme/s3:1\"\n",
            "services: s3: replicas: \"two\"\n",
            "services: s3: needs: nothing: {}\n",
        ] {
            system.write("teams/t0/mistake.cue", &format!("package many\n{mistake}"));
            assert!(fails(self.vet(&system)), "cue refuses {mistake}");
            assert!(fails(kcc(&system, &["check"])), "kcc refuses {mistake}");
        }
    }

    fn version(&self) {
        let mut ours = Command::new(binary());
        ours.arg("--version");
        let mut theirs = Command::new(&self.cue);
        theirs.arg("version");
        self.row(
            "--version / version",
            None,
            |_| run::measure(&mut ours),
            |_| run::measure(&mut theirs),
        );
    }

    fn size(&self, services: usize, growth: &mut Growth) {
        let teams = (services / 50).clamp(5, 100);
        let shown = if services < 1_000 {
            services.to_string()
        } else {
            format!("{},{:03}", services / 1_000, services % 1_000)
        };
        let two = System::new(services, teams, &["dev", "prod"]);
        let vet = |system: &System| run::measure(&mut self.vet(system));
        let check = |system: &System, args: &[&str]| {
            let all = [&["check"], args].concat();
            run::measure(&mut kcc(system, &all))
        };

        let cold = self.row(
            &format!("{shown} services, cold, 2 targets / vet"),
            (services == 10).then_some(1.5),
            |_| check(&two, &["--no-cache"]),
            |_| vet(&two),
        );
        growth.add("cue vet -c", services, cold.cue.time);
        growth.add("kcc check, no cache, 2 targets", services, cold.kcc.time);
        if services >= 1_000 {
            self.row(
                &format!("{shown} services, cold, 1 target / vet"),
                Some(2.0),
                |_| check(&two, &["--no-cache", "--target", "dev"]),
                |_| vet(&two),
            );
        }
        let edited = self.row(
            &format!("{shown} services, one line edited / vet"),
            match services {
                1_000 => Some(0.3),
                5_000 => Some(0.2),
                _ => None,
            },
            |run| {
                two.edit(run);
                check(&two, &[])
            },
            |_| vet(&two),
        );
        growth.add("kcc check, one line edited", services, edited.kcc.time);
        check(&two, &[]);
        let same = self.row(
            &format!("{shown} services, unchanged / vet"),
            (services == 1_000).then_some(0.1),
            |_| check(&two, &[]),
            |_| vet(&two),
        );
        growth.add("kcc check, unchanged", services, same.kcc.time);
        if services != 1_000 {
            return;
        }
        let four = System::new(services, teams, &["dev", "test", "stage", "prod"]);
        self.row(
            &format!("{shown} services, cold, 4 targets / 4 vets"),
            Some(0.7),
            |_| check(&four, &["--no-cache"]),
            |_| (0..4).map(|_| vet(&four)).reduce(Measured::then).unwrap(),
        );
        self.row(
            &format!("{shown} services, render, cold / export"),
            Some(0.5),
            |_| {
                let args = ["render", "--no-cache", "--target", "prod"];
                run::measure(&mut kcc(&two, &args))
            },
            |_| {
                let args = ["export", "--out", "yaml", "-e", "objects"];
                let files = ["schema.cue", "lowering.cue"];
                run::measure(&mut self.cue(&two, &args, &files))
            },
        );
    }

    /// Measures two commands alternately and prints a row.
    fn row(
        &self,
        name: &str,
        aim: Option<f64>,
        mut ours: impl FnMut(usize) -> Measured,
        mut theirs: impl FnMut(usize) -> Measured,
    ) -> Row {
        let mut pairs = Vec::new();
        for run in 0..=self.runs {
            let both = (ours(run), theirs(run));
            // The first pair only warms the caches of the system.
            if run > 0 {
                pairs.push(both);
            }
        }
        let ratio = median(pairs.iter().map(|(a, b)| a.seconds() / b.seconds()));
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let row = Row {
            kcc: Measured::median(&ours),
            cue: Measured::median(&theirs),
        };
        let aim = aim.map_or_else(String::new, |aim| format!("{aim:.1}"));
        let (kcc, cue) = (&row.kcc, &row.cue);
        println!(
            "{name:<44} {:>7.1} ms {:>7.1} ms {ratio:>7.2} {aim:>6} {:>6}/{}",
            kcc.seconds() * 1e3,
            cue.seconds() * 1e3,
            kcc.memory >> 20,
            cue.memory >> 20,
        );
        row
    }
}

/// Returns a command of kcc in a system.
fn kcc(system: &System, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(args)
        .current_dir(system.path())
        .env("KCC_CACHE", system.cache());
    command
}

/// Builds the `cue` tool from the version that kcc embeds.
fn build_cue() -> PathBuf {
    let out = env::temp_dir().join("kcc-bench").join("cue");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&out)
        .arg("cuelang.org/go/cmd/cue")
        .current_dir(root().join(Path::new("tests/bench/cue")))
        .status()
        .unwrap();
    assert!(status.success(), "the cue tool does not build");
    out
}
