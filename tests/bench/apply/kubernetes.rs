//! About 1,000 objects on Kubernetes, against `kubectl`; and the time from the kubelet's
//! report of a rollout that cannot succeed to kcc's verdict.
//!
//! The Deployments have no replicas, so that neither nodes nor images affect the times.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use kcc_test_engines::kubernetes::Testbed;

use crate::{
    TURNS, Times, compare, median,
    system::{generate, kcc},
    time,
};

const SERVICES: usize = 499;

const FIRST: &str = "first apply";
const UNCHANGED: &str = "unchanged";
const PLAN: &str = "plan · diff";

pub(crate) fn run() {
    let Some(testbed) = Testbed::find() else {
        return;
    };
    compare(
        "on Kubernetes",
        "kubectl",
        |turn| of_kcc(&testbed, turn),
        |turn| of_kubectl(&testbed, turn),
    );
    let verdicts = (0..TURNS).map(|turn| verdict(&testbed, turn).as_secs_f64());
    println!(
        "verdict after the kubelet's report {:>8.2} s",
        median(verdicts)
    );
}

/// Writes a system into a namespace of its name.
fn write(folder: &std::path::Path, name: &str, services: usize, lines: &str) {
    let target = format!("prod: kubernetes: namespace: {name:?}");
    generate(folder, name, &target, services, lines);
}

fn many(folder: &std::path::Path, name: &str) {
    write(
        folder,
        name,
        SERVICES,
        "\timage: \"acme/app:1\"\n\treplicas: 0\n",
    );
}

fn of_kcc(testbed: &Testbed, turn: usize) -> Times {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("bench-{}-{turn}", std::process::id());
    many(folder.path(), &name);
    let run = |args: &[&str]| {
        let target = [args, &["--target", "prod", "--quiet"]].concat();
        time(kcc(folder.path(), &target).env("KUBECONFIG", testbed.kubeconfig()))
    };
    let apply = ["apply", "--yes"];
    let times = [
        (FIRST, run(&apply)),
        (UNCHANGED, run(&apply)),
        (PLAN, run(&["plan"])),
    ];
    remove(testbed, &name);
    times.into()
}

fn of_kubectl(testbed: &Testbed, turn: usize) -> Times {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("kubectl-{}-{turn}", std::process::id());
    many(folder.path(), &name);
    let render = ["render", "--target", "prod", "-o", "-"];
    let rendered = kcc(folder.path(), &render).output().unwrap();
    assert!(rendered.status.success(), "{rendered:?}");
    let file = folder.path().join("manifests.yaml");
    fs::write(&file, &rendered.stdout).unwrap();
    let file = file.display().to_string();
    let run = |command: &str| time(&mut testbed.command(&[command, "--server-side", "-f", &file]));
    let times = [
        (FIRST, run("apply")),
        (UNCHANGED, run("apply")),
        (PLAN, run("diff")),
    ];
    remove(testbed, &name);
    times.into()
}

/// Returns the time from the kubelet's report that an image cannot be pulled to the end of
/// kcc.
fn verdict(testbed: &Testbed, turn: usize) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("doomed-{}-{turn}", std::process::id());
    write(folder.path(), &name, 1, "\timage: \"acme/nowhere:1\"\n");
    let apply = ["apply", "--target", "prod", "--yes", "--quiet"];
    let mut kcc = kcc(folder.path(), &apply);
    let mut kcc = kcc.env("KUBECONFIG", testbed.kubeconfig()).spawn().unwrap();
    let reason = "{.items[*].status.containerStatuses[*].state.waiting.reason}";
    let reason = format!("-o=jsonpath={reason}");
    let reported = loop {
        let mut pods = testbed.command(&["get", "pods", "-n", &name, &reason]);
        let reasons = pods.output().unwrap().stdout;
        if String::from_utf8_lossy(&reasons).contains("Pull") {
            break Instant::now();
        }
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(kcc.wait().unwrap().code(), Some(4));
    let elapsed = reported.elapsed();
    remove(testbed, &name);
    elapsed
}

/// Deletes a namespace and waits until it is gone.
fn remove(testbed: &Testbed, namespace: &str) {
    testbed.kubectl(&["delete", "namespace", namespace, "--timeout=10m"]);
}
