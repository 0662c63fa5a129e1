//! An image with a named user and a health check of its own, from a registry on this
//! machine: it is locked, applied, pinned to its digest, and moved under its tag.

use std::{fs, path::Path, sync::Arc};

use kcc_test_engines::{System, docker::Testbed, registry::Registry};

/// The image of the example, for which the testbed has a stand-in.
const BASE: &str = "nginxinc/nginx-unprivileged:1.29-alpine";

pub(crate) fn an_image_is_locked_and_pinned(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "dev", "lock");
    system.stand_in();
    let registry = Registry::start(false).expect("docker-registry is not installed");
    let image = format!("{}/acme/app:1", registry.host());
    push(&system, &image, "first");
    system.edit("kcc.cue", BASE, &image);
    system.edit("kcc.cue", "\thealth: http: \"/\"\n", "");
    system.edit("kcc.cue", "expose: 8080", "expose: true");

    let ran = system.run(&["lock"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.assert_stderr_contains("added");
    let lock = || fs::read_to_string(system.path("kcc.lock")).unwrap();
    let first = lock();
    for line in [
        "user: app",
        "uid: 1000",
        "gid: 1001",
        "- 8080/tcp",
        "intervalMs: 1000",
    ] {
        assert!(first.contains(line), "{line}:\n{first}");
    }

    // The image's own check decides when it is ready.
    let ran = system.run(&["apply", "--target", "dev", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.assert_stderr_contains("web is healthy");
    let container = format!("{}-dev-web", system.name);
    let inspect = |format: &str| {
        let format = format!("--format={{{{{format}}}}}");
        system.testbed.docker(&["inspect", &format, &container])
    };
    assert_eq!(inspect(".Config.User").trim(), "app");
    assert_eq!(inspect(".Config.Image").trim(), image);

    // Pinned, it is replaced once, and then as desired.
    let pinned = "system: targets: dev: {docker: {}, images: \"digest\"}\n\nservices: web: {";
    system.edit("kcc.cue", "services: web: {", pinned);
    system.apply();
    let digest = first
        .lines()
        .find_map(|line| line.trim().strip_prefix("digest: "))
        .unwrap();
    assert_eq!(inspect(".Config.Image").trim(), format!("{image}@{digest}"));
    assert!(system.plan().is_empty());

    // Somebody pushes to the tag: the pinned image stays.
    push(&system, &image, "second");
    assert!(system.plan().is_empty());
    let ran = system.run(&["lock"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.assert_stderr_contains("kcc::plan::image-moved");
    assert_eq!(lock(), first);
    system.edit("kcc.cue", ", images: \"digest\"", "");
    let ran = system.run(&["plan", "--target", "dev"]);
    assert!(ran.out.contains("moved"), "{ran:#?}");
    let ran = system.run(&["lock", "--update"]);
    ran.assert_stderr_contains("updated");
    let second = lock();
    assert_ne!(second, first);

    // The engine knows the same of it, and lacks only the digest of the platform.
    system.run_ok(&["lock", "--update", "--from", "docker"]);
    let of_engine = lock();
    let facts = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("linux/"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(facts(&of_engine), facts(&second));
}

/// The apply that pulls an image says that it is not the one that was locked.
pub(crate) fn a_pulled_image_that_moved_is_reported(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "dev", "moved");
    system.stand_in();
    let registry = Registry::start(false).expect("docker-registry is not installed");
    let image = format!("{}/acme/moved:1", registry.host());
    push(&system, &image, "first");
    system.edit("kcc.cue", BASE, &image);
    system.edit("kcc.cue", "expose: 8080", "expose: true");
    system.run_ok(&["lock"]);
    push(&system, &image, "second");
    system.testbed.docker(&["rmi", "--force", &image]);
    let ran = system.run(&["apply", "--target", "dev", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let moved = format!("image `{image}` is sha256:");
    let note = ran.err.lines().find(|line| line.contains(&moved));
    assert!(
        note.is_some_and(|line| line.ends_with("in `kcc.lock`")),
        "{ran:#?}"
    );
    system.run_ok(&["down", "--target", "dev"]);
}

/// Builds an image and pushes it.
fn push(system: &System<Testbed>, image: &str, version: &str) {
    let context = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(context.path().join(name), text).unwrap();
    write("passwd", "app:x:1000:1001::/:/bin/false\n".to_owned());
    write(
        "Dockerfile",
        format!(
            "FROM {BASE}\nCOPY passwd /etc/passwd\nENV VERSION={version}\nEXPOSE 8080\nUSER app\n\
             ENV STANDIN='{{\"Ports\":[\"8080/TCP\"],\"Checks\":[\"check\"]}}'\n\
             HEALTHCHECK --interval=1s CMD [\"/bin/standin\", \"check\"]\n"
        ),
    );
    let directory = |path: &Path| path.to_str().unwrap().to_owned();
    let docker = &system.testbed;
    docker.docker(&[
        "build",
        "--quiet",
        "--tag",
        image,
        &directory(context.path()),
    ]);
    docker.docker(&["push", image]);
}
