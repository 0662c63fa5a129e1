//! Kills of kcc on Docker.

use std::fs;

use kcc_test_engines::{
    Host as _, SHELL, System,
    docker::Testbed,
    kills::{
        Kills,
        scenarios::{UpAndDown, changes, up_and_down, write_ledger},
    },
    registry::Registry,
    trials::Case,
};

use crate::shop::Shop;

pub(crate) const ARGS: UpAndDown = [
    &["apply", "--target", "dev", "--yes"],
    &["down", "--target", "dev", "--volumes", "--yes"],
];

/// Returns the case, if the binary has fail points.
pub(crate) fn case() -> Option<Case<Testbed>> {
    let case = Case::new(
        "every_kill_is_survived",
        |testbed: std::sync::Arc<Testbed>| {
            testbed.shell_image(SHELL);
            // Left behind by a test that was killed; kcc makes it again.
            let _ = testbed.try_docker(&["rmi", "kcc-empty:1"]);
            let registry = Registry::start(false).expect("docker-registry is not installed");
            let pulled = registry.host();
            let scenarios = vec![
                up_and_down(
                    "shop",
                    Box::new(|testbed, suffix| Shop::of(testbed, suffix).into_system()),
                    Box::new(|_| {}),
                    ARGS,
                ),
                up_and_down(
                    "ledger",
                    Box::new(|testbed, suffix| {
                        let system = System::of(testbed, "hello", "dev", suffix);
                        write_ledger(&system);
                        system.stand_in();
                        system
                    }),
                    Box::new(write_earlier_record),
                    ARGS,
                ),
                changes(
                    Box::new(move |testbed, suffix| {
                        let system = System::of(testbed, "hello", "dev", suffix);
                        let image = format!("{pulled}/{}:1", system.name);
                        system.testbed.docker(&["tag", SHELL, &image]);
                        system.testbed.docker(&["push", "--quiet", &image]);
                        fs::write(system.path("image.txt"), image).unwrap();
                        system
                    }),
                    prepare_changes,
                    ARGS,
                ),
            ];
            Kills::new(testbed, scenarios).run();
        },
    );
    cfg!(feature = "failpoints").then_some(case)
}

/// Writes what an earlier version of kcc recorded about an empty target.
fn write_earlier_record(system: &System<Testbed>) {
    let directory = system.path("state/kcc").join(&system.name).join("dev");
    fs::create_dir_all(&directory).unwrap();
    let scope = format!(r#"{{"system": "{}", "target": "dev"}}"#, system.name);
    let inventory =
        format!(r#"{{"scope": {scope}, "engine": "docker", "since": 7, "objects": []}}"#);
    fs::write(directory.join("inventory.json"), inventory).unwrap();
}

/// Lets one service use an image that has to be pulled, and pauses its container before
/// the second version.
fn prepare_changes(system: &System<Testbed>, version: usize) {
    let image = fs::read_to_string(system.path("image.txt")).unwrap();
    system.append(
        "kcc.cue",
        &format!("on: dev: services: steady: image: {image:?}\n"),
    );
    if version == 2 {
        let container = format!("{}-dev-steady", system.name);
        system.testbed.docker(&["pause", &container]);
    }
}
