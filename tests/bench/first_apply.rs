//! Benchmarks the first apply of many Deployments against `kubectl apply
//! --server-side` of the same manifests, alternating within one run on the cluster
//! selected by `KCC_E2E_KUBE_BED` or `KCC_E2E_KUBE=1` (see `kcc_test_engines::kubernetes`).
//!
//! The Deployments have no replicas, so that neither nodes nor images affect the
//! times. The time of kcc includes everything from reading fragments to the last
//! ready component; that of kubectl includes neither rendering nor waiting.

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
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kcc_test_engines::kubernetes::Testbed;
use kcc_test_support::binary;

const SERVICES: usize = 333;
const TEAMS: usize = 9;
const PAIRS: usize = 3;

fn main() {
    // `cargo test` runs benches as well, without this argument.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let Some(testbed) = Testbed::find() else {
        return;
    };
    let mut ratios = Vec::new();
    for pair in 1..=PAIRS {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("bench-{}-{pair}", std::process::id());
        generate(folder.path(), &name);
        let manifests = folder.path().join("manifests.yaml");
        let mut render = kcc(
            &testbed,
            folder.path(),
            &["render", "--target", "prod", "-o", "-"],
        );
        let rendered = render.stderr(Stdio::null()).output().unwrap();
        assert!(rendered.status.success(), "{rendered:?}");
        fs::write(&manifests, &rendered.stdout).unwrap();
        let objects = rendered
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| line.starts_with(b"kind: "))
            .count();

        let apply = ["apply", "--target", "prod", "--yes", "--quiet"];
        let ours = time(&mut kcc(&testbed, folder.path(), &apply));
        remove(&testbed, &name);
        let file = manifests.display().to_string();
        let theirs = time(&mut testbed.command(&["apply", "--server-side", "-f", &file]));
        remove(&testbed, &name);
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!(
            "{objects} objects: kcc {:.1} s, kubectl {:.1} s, ratio {ratio:.2}",
            ours.as_secs_f64(),
            theirs.as_secs_f64(),
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ratios.len() / 2]);
}

fn kcc(testbed: &Testbed, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(args)
        .current_dir(folder)
        .env("KUBECONFIG", testbed.kubeconfig());
    command
}

fn time(command: &mut Command) -> Duration {
    command.stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status().unwrap();
    let elapsed = start.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    elapsed
}

/// Deletes a namespace and waits until it is gone.
fn remove(testbed: &Testbed, namespace: &str) {
    testbed.kubectl(&["delete", "namespace", namespace, "--timeout=10m"]);
}

/// Writes a system of services with zero replicas, spread over teams.
fn generate(folder: &Path, name: &str) {
    let mut root = format!("package many\n\nsystem: {{\n\tname: {name:?}\n\tteams: {{\n");
    for team in 0..TEAMS {
        writeln!(root, "\t\tt{team}: path: \"teams/t{team}\"").unwrap();
    }
    write!(
        root,
        "\t}}\n\ttargets: prod: kubernetes: namespace: {name:?}\n}}\n"
    )
    .unwrap();
    fs::write(folder.join("kcc.cue"), root).unwrap();
    for team in 0..TEAMS {
        let path = folder.join(format!("teams/t{team}"));
        fs::create_dir_all(&path).unwrap();
        let mut text = String::from("package many\n");
        for service in (team..SERVICES).step_by(TEAMS) {
            write!(
                text,
                "\nservices: s{service}: {{\n\timage: \"acme/s{service}:1\"\n\treplicas: 0\n}}\n"
            )
            .unwrap();
        }
        fs::write(path.join("services.cue"), text).unwrap();
    }
}
