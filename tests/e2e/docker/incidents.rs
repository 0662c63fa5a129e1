//! The failures that were captured on a cluster happen again on Docker, from their files
//! alone, and do not happen once the fragment is corrected.

use std::{fs, path::Path, process::Command, sync::Arc};

use kcc_test_engines::{
    Host as _, SHELL,
    docker::Testbed,
    incidents::{ALL, Incident},
    trials::Case,
};
use kcc_test_support::{CommandOutput, kcc};
use serde_json::Value;

pub(crate) fn cases() -> impl Iterator<Item = Case<Testbed>> {
    let large = Case::new("a_large_copy_is_refused", |testbed| {
        a_large_copy_is_refused(&testbed);
    });
    let incidents = ALL.iter().map(|incident| {
        let name = format!("incident_{}", incident.name.replace('-', "_"));
        Case::new(name, move |testbed| happens_again(incident, &testbed))
    });
    let seeded = Case::new("a_seed_gives_one_order_of_events", |testbed| {
        a_seed_gives_one_order_of_events(&testbed);
    });
    let other = Case::new("another_failure_does_not_pass", |testbed| {
        another_failure_does_not_pass(&testbed);
    });
    incidents.chain([large, seeded, other])
}

/// Checks that the same starts and faults happen in the same order each time.
fn a_seed_gives_one_order_of_events(testbed: &Arc<Testbed>) {
    testbed.shell_image(SHELL);
    let directory = tempfile::tempdir().unwrap();
    let incident = ALL.iter().find(|one| one.name == "policy-closed").unwrap();
    let file = incident.capsule();
    let file = file.to_str().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let args = [
            "reproduce",
            file,
            "--mode",
            "faults",
            "--seed",
            "7",
            "--timeout",
            "5s",
        ];
        let ran = run(testbed, directory.path(), &args);
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(document["faults"].as_array().unwrap().len(), 3, "{ran:#?}");
        let lines = ran.err.lines();
        let order = lines.filter(|line| {
            let made = line.starts_with("done") && line.contains("container");
            made || line.contains("fault: ")
        });
        seen.insert(order.collect::<Vec<_>>().join("\n"));
        let down = ["down", "--capsule", file, "--volumes"];
        let removed = run(testbed, directory.path(), &down);
        assert_eq!(removed.code, Some(0), "{removed:#?}");
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

/// Checks that a test fails if the component fails for another reason now.
fn another_failure_does_not_pass(testbed: &Arc<Testbed>) {
    testbed.shell_image(SHELL);
    let directory = tempfile::tempdir().unwrap();
    let incident = ALL.iter().find(|one| one.name == "command-wrong").unwrap();
    let file = incident.capsule();
    let file = file.to_str().unwrap();
    let fragment = incident.fragment(&system_of(file)).replace("htppd", "true");
    fs::write(directory.path().join("kcc.cue"), fragment).unwrap();
    let args = ["test", file, "--any-image", "--timeout", "20s"];
    let failed = run(testbed, directory.path(), &args);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
}

/// Checks that a copy beyond the budget is refused before anything is changed.
fn a_large_copy_is_refused(testbed: &Arc<Testbed>) {
    let directory = tempfile::tempdir().unwrap();
    let file = ALL[0].capsule();
    let args = ["reproduce", file.to_str().unwrap(), "--memory", "1Mi"];
    let refused = run(testbed, directory.path(), &args);
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    assert!(
        refused.err.contains("kcc::plan::not-reproducible"),
        "{refused:#?}"
    );
    assert!(refused.err.contains("the budget is 1Mi"), "{refused:#?}");
}

fn happens_again(incident: &Incident, testbed: &Arc<Testbed>) {
    testbed.shell_image(SHELL);
    let directory = tempfile::tempdir().unwrap();
    let file = incident.capsule();
    let file = file.to_str().unwrap();
    let present = run(
        testbed,
        directory.path(),
        &["test", file, "--expect", "present", "--any-image"],
    );
    assert_eq!(present.code, Some(0), "{}: {present:#?}", incident.name);
    let verdict: Value = serde_json::from_str(&present.out).unwrap();
    assert_eq!(verdict["verdict"], "passed", "{present:#?}");
    if incident.fix.is_some() {
        let system = system_of(file);
        fs::write(
            directory.path().join("kcc.cue"),
            incident.corrected(&system),
        )
        .unwrap();
        let gone = run(
            testbed,
            directory.path(),
            &["test", file, "--any-image", "--timeout", "20s"],
        );
        assert_eq!(gone.code, Some(0), "{}: {gone:#?}", incident.name);
        fs::write(directory.path().join("kcc.cue"), incident.fragment(&system)).unwrap();
        let still = run(testbed, directory.path(), &["test", file, "--any-image"]);
        assert_eq!(still.code, Some(1), "{}: {still:#?}", incident.name);
    }
}

/// Returns the name of the system in a capsule.
fn system_of(file: &str) -> String {
    let mut tar = Command::new("tar");
    let out = CommandOutput::of(tar.args(["-xOf", file, "index.json"])).out;
    let index: Value = serde_json::from_str(&out).unwrap();
    let names = index["manifests"].as_array().unwrap().iter();
    let mut names = names
        .filter_map(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str());
    let entry = names.find(|name| *name != "capsule").unwrap();
    entry.split('.').next().unwrap().to_owned()
}

fn run(testbed: &Testbed, directory: &Path, args: &[&str]) -> CommandOutput {
    let (variable, engine) = testbed.variable();
    let mut command = kcc(directory);
    command.args(args).args(["--format", "json"]);
    CommandOutput::of(command.env(variable, engine).env_remove("KUBECONFIG"))
}
