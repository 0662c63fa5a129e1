//! A project that Docker Compose runs, and that an apply takes over.

use std::{fs, path::Path, process::Command};

use kcc_lower::docker::Mount;
use kcc_plan::{Options, Tool};

use crate::docker::{BOX, Sandbox, publish};

/// Runs Debian's `docker-compose` on a project, whose name is the system's.
fn compose(sandbox: &Sandbox, directory: &Path, args: &[&str]) {
    let run = Command::new("docker-compose")
        .args(["-p", &sandbox.system])
        .args(args)
        .current_dir(directory)
        .env("DOCKER_HOST", &sandbox.testbed.host)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "docker-compose {args:?}: {text}");
}

fn project(port: u16) -> String {
    format!(
        r#"
version: "2.4"
services:
  db:
    image: {BOX}
    command: ["busybox", "sh", "-c", "mkdir -p /state/sub && busybox dd if=/dev/zero of=/state/large bs=1M count=16 && echo kept > /state/sub/row && chown -R 999:998 /state && chmod 0700 /state && sleep 600"]
    volumes: ["data:/state"]
    restart: always
    stop_grace_period: 1s
  web:
    image: {BOX}
    command: ["busybox", "httpd", "-f", "-p", "8080", "-h", "/"]
    ports: ["{port}:8080"]
    stop_grace_period: 1s
  old:
    image: {BOX}
    command: ["busybox", "sleep", "600"]
volumes:
  data: {{}}
"#
    )
}

pub(super) async fn what_compose_runs_is_taken_over_with_its_data(sandbox: &Sandbox) {
    let docker = |args: &[&str]| sandbox.testbed.docker(args);
    let directory = tempfile::tempdir().unwrap();
    let port = 29_000 + u16::try_from(std::process::id() % 900).unwrap();
    fs::write(directory.path().join("docker-compose.yml"), project(port)).unwrap();
    compose(sandbox, directory.path(), &["up", "-d"]);
    let container = |service: &str| format!("{}_{service}_1", sandbox.system);
    let source = format!("{}_data", sandbox.system);
    let written = ["exec", &container("db"), "busybox", "cat", "/state/sub/row"];
    for _ in 0..50 {
        if sandbox.testbed.try_docker(&written).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }

    let mut desired = sandbox.desired();
    desired.script(
        "db",
        "test \"$(busybox stat -c %u:%g:%a /state)\" = 999:998:700 \
         && test \"$(busybox stat -c %s /state/large)\" = 16777216 && busybox cat /state/sub/row \
         && exec busybox sleep 600",
    );
    let volume = desired.volume("db", "data");
    let db = desired.container("db");
    db.user = Some("999:998".to_owned());
    db.mounts
        .insert("/state".to_owned(), Mount::Volume(volume.clone()));
    desired.serve("web", &[]).ports = vec![publish(8080, Some(port))];
    let options = Options {
        take_over: Some(Tool::Compose),
        ..sandbox.options()
    };
    let whole = desired.finish();
    let text = kcc_docker::plan(&whole, &options).await.unwrap().to_text();
    for part in [
        format!(
            "- delete container {} taken over from Compose",
            container("db")
        ),
        format!(
            "- delete container {} taken over from Compose",
            container("web")
        ),
        format!("+ create volume {volume} does not exist; copied from volume `{source}`"),
        format!("= stays container {} service `old`", container("old")),
        format!("docker volume rm {source}"),
    ] {
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&part), "{part}: {text}");
    }
    assert!(
        !docker(&[
            "ps",
            "-q",
            "--filter",
            &format!("name={}", container("web"))
        ])
        .is_empty()
    );

    let report = sandbox.apply_with(&desired, &options).await;
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(docker(&["logs", &sandbox.name("db")]).trim(), "kept");
    let copier = format!("{volume}_copy");
    let left = docker(&["ps", "-a", "--format={{.Names}}"]);
    for gone in [container("db"), container("web"), copier.clone()] {
        assert!(!left.lines().any(|name| name == gone), "{gone}: {left}");
    }
    assert!(left.contains(&container("old")), "{left}");
    let volumes = docker(&["volume", "ls", "-q"]);
    assert!(volumes.lines().any(|name| name == source), "{volumes}");
    for options in [sandbox.options(), options] {
        let report = sandbox.apply_with(&desired, &options).await;
        assert_eq!(report.mutating_calls, 0, "{report:#?}");
    }

    // A copy that was killed has left its container, and a part of the data.
    docker(&["rm", "-f", &sandbox.name("db")]);
    let lost = format!("-v={volume}:/copy");
    docker(&[
        "run",
        "--rm",
        &lost,
        BOX,
        "busybox",
        "rm",
        "-r",
        "/copy/sub",
    ]);
    let labels = crate::docker::labels(&sandbox.system, Some("db"));
    let labels = labels
        .iter()
        .map(|(name, value)| format!("--label={name}={value}"));
    let mut create = vec!["create".to_owned(), format!("--name={copier}")];
    create.extend(labels);
    create.push(format!("--label=dev.kcc.copy-of={source}"));
    create.extend([
        format!("-v={source}:/source/data:ro"),
        format!("-v={volume}:/copy/data"),
    ]);
    create.extend([BOX, "busybox"].map(str::to_owned));
    docker(&create.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.apply_all(&desired).await;
    assert_eq!(docker(&["logs", &sandbox.name("db")]).trim(), "kept");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    sandbox.down(&desired, false).await;
    // Compose has everything that it needs to come back.
    compose(sandbox, directory.path(), &["up", "-d"]);
    compose(sandbox, directory.path(), &["down", "-v"]);
}
