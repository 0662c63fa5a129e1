//! Init steps and sidecars.

use kcc_lower::docker::Mount;
use kcc_model::{Check, EnvValue, SecretProvider};
use kcc_plan::{Outcome, State};

use super::{detail, literal};
use crate::docker::{Sandbox, get, health, publish};

fn shared() -> (String, Mount) {
    ("/work".to_owned(), Mount::Shared("work".to_owned()))
}

pub(super) async fn init_steps_run_before_a_new_container(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let web = desired.script("web", "cat /work/log; exec busybox sleep 1000");
    web.mounts.extend([shared()]);
    web.read_only = true;
    web.files
        .insert("/etc/web.conf".to_owned(), "from a file".to_owned());
    desired.init("web", "first", "cat /etc/web.conf > /work/log");
    let second = desired.init("web", "second", "echo \" then $STEP\" >> /work/log");
    second.env.insert("STEP".to_owned(), literal("one"));
    sandbox.apply_all(&desired).await;
    let logs = || sandbox.testbed.docker(&["logs", &sandbox.name("web")]);
    assert_eq!(logs(), "from a file then one");
    assert_eq!(sandbox.list("container"), [sandbox.name("web")]);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    // A container that is only restarted does not repeat its init steps.
    let id = sandbox.id("web");
    sandbox.testbed.docker(&["kill", &sandbox.name("web")]);
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.id("web"), id);
    assert_eq!(logs(), "from a file then one\nfrom a file then one");

    let main = sandbox.name("web");
    let steps = &mut desired.engine.containers.get_mut(&main).unwrap().init;
    steps[1]
        .container
        .env
        .insert("STEP".to_owned(), literal("another"));
    let plan = sandbox.plan(&desired).await;
    assert!(plan.contains("`init.second` changed"), "{plan}");
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_eq!(logs(), "from a file then another");
    sandbox.down(&desired, true).await;
    assert!(sandbox.list("container").is_empty());
}

pub(super) async fn a_failing_init_step_keeps_the_old_container(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("web", "exec busybox sleep 1000");
    desired
        .engine
        .secrets
        .insert("key".to_owned(), SecretProvider::Generate {});
    let step = desired.init(
        "web",
        "check",
        "echo \"key $KEY is bad\" >&2; exit ${CODE:-3}",
    );
    step.env
        .insert("KEY".to_owned(), EnvValue::Secret("key".to_owned()));
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Failed);
    let failure = format!("{:?}", report.failures);
    let expected = format!(
        "init step `check` of `{}` failed: exited with exit code 3",
        sandbox.name("web")
    );
    assert!(failure.contains(&expected), "{failure}");
    let lines = detail(&report, "web");
    assert!(
        lines.starts_with("key ") && lines.ends_with(" is bad"),
        "{lines}"
    );
    assert!(lines.len() < 25, "the secret is redacted: {lines}");
    assert!(sandbox.list("container").is_empty());

    let main = sandbox.name("web");
    let set = |desired: &mut crate::docker::Draft, code: &str| {
        let steps = &mut desired.engine.containers.get_mut(&main).unwrap().init;
        let env = &mut steps[0].container.env;
        env.insert("CODE".to_owned(), literal(code));
    };
    set(&mut desired, "0");
    sandbox.apply_all(&desired).await;
    let id = sandbox.id("web");
    set(&mut desired, "4");
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Failed);
    assert_eq!(sandbox.id("web"), id);
    assert_eq!(sandbox.inspect("web", "{{.State.Status}}"), "running");
    assert_eq!(sandbox.list("container"), [sandbox.name("web")]);
}

pub(super) async fn a_sidecar_shares_network_and_directories(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let web = desired.serve("web", &[]);
    web.mounts.extend([shared()]);
    web.ports.push(publish(9090, None));
    let page = "echo hello > /work/index.html; busybox wget -q -O /dev/null \
                http://127.0.0.1:8080/healthz; exec busybox httpd -f -p 9090 -h /work";
    let proxy = desired.sidecar("web", "proxy", page);
    proxy.health = Some(health(Check::Tcp { port: 9090 }));
    sandbox.apply_all(&desired).await;
    let port = sandbox.inspect(
        "web",
        "{{(index (index .HostConfig.PortBindings \"9090/tcp\") 0).HostPort}}",
    );
    assert!(get(&format!("127.0.0.1:{port}")).await.contains("hello"));
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    let status = sandbox.status(&desired).await;
    let web = &status.components["web"];
    assert_eq!((web.state, web.ready, web.replicas), (State::Running, 1, 1));

    // Killed containers are restored together.
    let sidecar = format!("{}_proxy", sandbox.name("web"));
    sandbox.testbed.docker(&["rm", "-f", &sidecar]);
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["web"].ready, 0);
    sandbox.apply_all(&desired).await;
    sandbox.testbed.docker(&["restart", &sandbox.name("web")]);
    let plan = sandbox.plan(&desired).await;
    assert!(plan.contains("was restarted"), "{plan}");
    sandbox.apply_all(&desired).await;
    assert!(get(&format!("127.0.0.1:{port}")).await.contains("hello"));
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    let before = sandbox.id("web");
    desired
        .container("web")
        .env
        .insert("A".to_owned(), literal("b"));
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_ne!(sandbox.id("web"), before);
    assert!(get(&format!("127.0.0.1:{port}")).await.contains("hello"));
    let shared = sandbox.inspect("web", "{{range .Mounts}}{{.Name}}{{end}}");
    let volumes = || sandbox.testbed.docker(&["volume", "ls", "-q"]);
    assert!(volumes().contains(&shared));
    sandbox.down(&desired, true).await;
    assert!(sandbox.list("container").is_empty());
    assert!(
        !volumes().contains(&shared),
        "the shared directory is removed with them"
    );
}

pub(super) async fn a_completed_job_ends_its_sidecar(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let wait = "until busybox wget -q -O - http://127.0.0.1:9090/; do busybox sleep 0.1; done";
    desired.script("index", wait).mounts.extend([shared()]);
    desired.job("index");
    let page = "echo served > /work/index.html; exec busybox httpd -f -p 9090 -h /work";
    desired.sidecar("index", "files", page);
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.list("container"), [sandbox.name("index")]);
    let status = sandbox.status(&desired).await;
    assert_eq!(status.components["index"].state, State::Completed);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_failed_job_ends_its_sidecar(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.script("index", "busybox sleep 1; exit 3");
    desired.job("index");
    desired.sidecar("index", "files", "exec busybox sleep 1000");
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.components["index"].outcome, Outcome::Failed);
    let [failure] = &report.failures[..] else {
        panic!("{report:#?}");
    };
    assert!(
        failure.message.contains("exit code 3"),
        "{}",
        failure.message
    );
    assert_eq!(sandbox.list("container"), [sandbox.name("index")]);
    // The job runs again, and so does its sidecar.
    let text = sandbox.plan(&desired).await;
    assert!(text.contains("did not complete"), "{text}");
    desired.container("index").args = Some(vec!["exit 0".to_owned()]);
    sandbox.apply_all(&desired).await;
    assert_eq!(sandbox.list("container"), [sandbox.name("index")]);
}

pub(super) async fn a_failed_replacement_restarts_the_sidecar_too(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let sidecar = |name: &str| format!("{}_files", sandbox.name(name));
    let page = "mkdir -p /tmp/w; echo served > /tmp/w/index.html; \
                exec busybox httpd -f -p 9090 -h /tmp/w";
    for name in ["index", "web"] {
        desired.script(name, "exec busybox sleep 1000");
        desired.sidecar(name, "files", page).user = None;
    }
    desired.job("index");
    desired.component("index").deadline_ms = 1000;
    // The job misses its deadline and keeps running.
    let report = sandbox.apply(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Created);
    let runs = |container: &str| {
        let format = "--format={{.State.Running}}";
        let inspect = ["inspect", "--type=container", format, container];
        sandbox.testbed.docker(&inspect) == "true"
    };
    let all = [("web", true), ("index", false)];
    for (name, _) in all {
        assert!(runs(&sandbox.name(name)) && runs(&sidecar(name)), "{name}");
    }

    for (name, _) in all {
        desired.init(name, "check", "exit 3");
    }
    let report = sandbox.apply(&desired).await;
    for (name, resumes) in all {
        assert_eq!(report.components[name].outcome, Outcome::Failed);
        assert_eq!(runs(&sandbox.name(name)), resumes, "{name}");
        assert_eq!(runs(&sidecar(name)), resumes, "{name}");
    }
    // The sidecar shares the network of the new run.
    let ask = ["exec", &sandbox.name("web"), "/bin/busybox", "wget"];
    let page = ["-q", "-O", "-", "http://127.0.0.1:9090/"];
    assert_eq!(sandbox.testbed.docker(&[ask, page].concat()), "served");
}
