//! The search for a secret value on Docker.

use std::{fs, sync::Arc};

use kcc_test_engines::{
    System,
    canary::{Canary, value},
    docker::Testbed,
};
use serde_json::Value;

/// The containers of which a fragment asks for the value as a variable. Their health
/// checks print it.
const READERS: [&str; 5] = ["reads", "once", "nightly", "orders", "reads_side"];

pub(crate) fn is_found_only_where_it_is_read(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "dev", "canary");
    let mut canary = Canary::new(system);
    canary.sings(
        |canary| {
            look(canary);
            a_login_is_not_shown(canary);
        },
        "docker::start-container::before",
    );
}

/// Keeps everything that `docker inspect` shows and kcc records.
fn look(canary: &mut Canary<Testbed>) {
    let docker = canary.system.testbed.clone();
    let name = canary.system.name.clone();
    for kind in ["container", "network", "volume"] {
        for object in docker.objects(&name, kind) {
            let text = docker.docker(&[kind, "inspect", &object]);
            let mut all: Value = serde_json::from_str(&text).unwrap();
            let one = &mut all[0];
            let component = object.strip_prefix(&format!("{name}-dev-"));
            if kind == "container" && component.is_some_and(|name| READERS.contains(&name)) {
                let env = one["Config"]["Env"].take().to_string();
                assert!(env.contains("Canary"), "{object}: {env}");
                if let Some(state) = one["State"].as_object_mut() {
                    state.remove("Health");
                }
            }
            canary.keep(format!("{kind} {object}"), one.to_string());
        }
    }
    let mounts = format!("{name}-dev-mounts");
    for file in ["/secret/canary", "/etc/password"] {
        let read = docker.docker(&["exec", &mounts, "cat", file]);
        assert!([value(0), value(1)].contains(&read), "{file}: {read}");
    }
    for image in docker.docker(&["images", "--quiet"]).lines() {
        canary.keep("image", docker.docker(&["history", "--no-trunc", image]));
        canary.keep("image", docker.docker(&["image", "inspect", image]));
    }
    canary.keep("record", docker.record_text(&name, "dev"));
}

/// The login of a registry that does not respond.
fn a_login_is_not_shown(canary: &mut Canary<Testbed>) {
    let path = canary.system.path("pulled.cue");
    let fragment = "package canary\nservices: pulled: image: \"127.0.0.1:1/acme/app:1\"\n";
    fs::write(&path, fragment).unwrap();
    let ran = canary.run(&["-v", "apply", "--target", "dev", "--yes"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.assert_stderr_contains("kcc::apply::image-pull");
    fs::remove_file(path).unwrap();
    let ran = canary.run(&["-v", "apply", "--target", "dev", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}
