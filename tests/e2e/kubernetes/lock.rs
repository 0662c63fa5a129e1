//! An image with a named user and a health check of its own: without `kcc.lock` the
//! kubelet refuses it, with the file it runs by its number and is probed.

use std::{fs, process::Command, sync::Arc};

use kcc_test_engines::{
    Host as _, System,
    kubernetes::{Testbed, run},
};
use kcc_test_support::root;

const BASE: &str = "nginxinc/nginx-unprivileged:1.29-alpine";
const IMAGE: &str = "kcc-test/named-user:1";

const LOCK: &str = r#"version: 1
images:
  "kcc-test/named-user:1":
    platforms:
      linux/amd64: null
    user: app
    uid: 1000
    gid: 1000
    health:
      command:
      - /bin/standin
      - check
      intervalMs: 2000
      timeoutMs: 2000
      retries: 3
"#;

pub(crate) fn a_named_user_runs_by_its_locked_number(testbed: Arc<Testbed>) {
    build(&testbed);
    let mut system = System::of(testbed, "hello", "prod", "lock");
    let namespace = format!("{}-prod", system.name);
    system.sites = vec![namespace.clone()];
    system.edit("kcc.cue", BASE, IMAGE);
    let standin = r##"env: STANDIN: #"{"Ports":["8080/TCP"],"Checks":["check"]}"#"##;
    system.edit(
        "kcc.cue",
        "\thealth: http: \"/\"\n",
        &format!("\t{standin}\n"),
    );

    let apply = ["apply", "--target", "prod", "--yes", "--timeout", "60s"];
    let ran = system.run(&apply);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    ran.assert_stderr_contains("kcc::apply::image-user");
    ran.assert_stderr_contains("run `kcc lock`");

    fs::write(system.path("kcc.lock"), LOCK).unwrap();
    system.edit(
        "kcc.cue",
        standin,
        &format!("{standin}\n\thealth: image: true"),
    );
    system.apply();
    assert!(system.plan().is_empty());
    let container = |field: &str| {
        let path = format!("jsonpath={{.spec.template.spec.containers[0].{field}}}");
        let get = ["get", "deployment", "web", "-n", &namespace, "-o", &path];
        system.testbed.kubectl(&get)
    };
    assert_eq!(container("securityContext.runAsUser"), "1000");
    assert_eq!(
        container("readinessProbe.exec.command"),
        r#"["/bin/standin","check"]"#
    );
    let get = ["get", "deployment", "web", "-n", &namespace, "-o"];
    let ready = ["jsonpath={.status.readyReplicas}"];
    assert_eq!(system.testbed.kubectl(&[&get[..], &ready].concat()), "1");
    system.run_ok(&["down", "--target", "prod", "--yes"]);
}

/// Builds the image from the stand-ins' program and loads it into the cluster.
fn build(testbed: &Testbed) {
    let files = tempfile::tempdir().unwrap();
    for directory in ["bin", "etc"] {
        fs::create_dir(files.path().join(directory)).unwrap();
    }
    let users = "root:x:0:0::/:/bin/false\napp:x:1000:1000::/:/bin/false\n";
    fs::write(files.path().join("etc/passwd"), users).unwrap();
    let program = files.path().join("bin/standin");
    run(Command::new("go")
        .args(["build", "-trimpath", "-buildvcs=false", "-o"])
        .arg(&program)
        .arg(".")
        .env("CGO_ENABLED", "0")
        .current_dir(root().join("tests/testbed/standin")));
    let mut pack = Command::new(root().join("tests/testbed/pack-image"));
    pack.arg(IMAGE).arg(files.path()).arg("/bin/standin");
    testbed.load(pack.env("IMAGE_USER", "app"));
}
