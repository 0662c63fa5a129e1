//! 50 containers on Docker, against `docker-compose`.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use kcc_test_engines::{Host as _, SHELL, docker::Testbed};

use crate::{
    Times, compare,
    system::{generate, kcc},
    time,
};

const SERVICES: usize = 50;

/// A program that ends when it is told to.
const SCRIPT: &str = "trap 'exit 0' TERM; tail -f /dev/null & wait";

const NOTHING: &str = "50 containers from nothing";
const UNCHANGED: &str = "50 containers unchanged";
const ONE: &str = "one of 50 containers changed";
const DOWN: &str = "50 containers down";

pub(crate) fn run() {
    if Command::new("docker-compose")
        .arg("version")
        .output()
        .is_err()
    {
        eprintln!("SKIPPED: the comparison on Docker needs docker-compose");
        return;
    }
    let Some(testbed) = Testbed::find() else {
        return;
    };
    testbed.shell_image(SHELL);
    compare(
        "on Docker",
        "docker-compose",
        |turn| of_kcc(&testbed, turn),
        |turn| of_compose(&testbed, turn),
    );
}

fn of_kcc(testbed: &Testbed, turn: usize) -> Times {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("bench-{}-{turn}", std::process::id());
    let lines = format!("\timage: {SHELL:?}\n\tcommand: [\"sh\", \"-c\", {SCRIPT:?}]\n");
    generate(folder.path(), &name, "dev: docker: {}", SERVICES, &lines);
    let run = |command: &str| {
        let mut kcc = kcc(folder.path(), &[command, "--target", "dev", "--quiet"]);
        time(kcc.env("DOCKER_HOST", &testbed.host))
    };
    let mut times = Times::from([(NOTHING, run("apply")), (UNCHANGED, run("apply"))]);
    let change = "package many\n\nservices: s7: env: CHANGED: \"yes\"\n";
    let team = folder.path().join("teams/t7/change.cue");
    fs::write(team, change).unwrap();
    times.extend([(ONE, run("apply")), (DOWN, run("down"))]);
    times
}

fn of_compose(testbed: &Testbed, turn: usize) -> Times {
    let folder = tempfile::tempdir().unwrap();
    let project = format!("compose-{}-{turn}", std::process::id());
    let write = |changed: &str| write_compose(folder.path(), changed);
    let run = |args: &[&str]| {
        let mut compose = Command::new("docker-compose");
        compose.args(["--project-name", &project]).args(args);
        compose.current_dir(folder.path());
        time(compose.env("DOCKER_HOST", &testbed.host))
    };
    write("");
    let up = ["up", "-d"];
    let mut times = Times::from([(NOTHING, run(&up)), (UNCHANGED, run(&up))]);
    write("    environment: {CHANGED: \"yes\"}\n");
    times.extend([(ONE, run(&up)), (DOWN, run(&["down"]))]);
    times
}

/// Writes a compose file with the same services; `changed` are further lines of one.
fn write_compose(folder: &Path, changed: &str) {
    let mut text = String::from("version: \"3.9\"\nservices:\n");
    for service in 0..SERVICES {
        let changed = if service == 7 { changed } else { "" };
        writeln!(
            text,
            "  s{service}:\n    image: {SHELL:?}\n    command: [\"sh\", \"-c\", {SCRIPT:?}]"
        )
        .unwrap();
        text += changed;
    }
    fs::write(folder.join("docker-compose.yml"), text).unwrap();
}
