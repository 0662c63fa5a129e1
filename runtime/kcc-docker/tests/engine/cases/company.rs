//! Init steps and sidecars.

use kcc_lower::docker::Mount;
use kcc_model::{Check, EnvValue, SecretProvider};
use kcc_plan::{Outcome, State};

use super::{detail, literal};
use crate::docker::{Place, get, health, publish};

fn shared() -> (String, Mount) {
    ("/work".to_owned(), Mount::Shared("work".to_owned()))
}

pub(super) async fn init_steps_run_before_a_container_that_is_made(place: &Place) {
    let mut desired = place.desired();
    let web = desired.script("web", "cat /work/log; exec busybox sleep 1000");
    web.mounts.extend([shared()]);
    web.read_only = true;
    web.files
        .insert("/etc/web.conf".to_owned(), "from a file".to_owned());
    desired.init("web", "first", "cat /etc/web.conf > /work/log");
    let second = desired.init("web", "second", "echo \" then $STEP\" >> /work/log");
    second.env.insert("STEP".to_owned(), literal("one"));
    place.apply_all(&desired).await;
    let logs = || place.bed.docker(&["logs", &place.name("web")]);
    assert_eq!(logs(), "from a file then one");
    assert_eq!(place.list("container"), [place.name("web")]);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);

    // A container that is only started again has its steps behind it.
    let id = place.id("web");
    place.bed.docker(&["kill", &place.name("web")]);
    place.apply_all(&desired).await;
    assert_eq!(place.id("web"), id);
    assert_eq!(logs(), "from a file then one\nfrom a file then one");

    let main = place.name("web");
    let steps = &mut desired.engine.containers.get_mut(&main).unwrap().init;
    steps[1]
        .container
        .env
        .insert("STEP".to_owned(), literal("another"));
    let plan = place.plan(&desired).await;
    assert!(plan.contains("`init.second` changed"), "{plan}");
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_eq!(logs(), "from a file then another");
    place.down(&desired, true).await;
    assert!(place.list("container").is_empty());
}

pub(super) async fn an_init_step_that_fails_is_told_and_leaves_the_old_one(place: &Place) {
    let mut desired = place.desired();
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
    let report = place.apply(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Failed);
    let failure = format!("{:?}", report.failures);
    let told = format!(
        "init step `check` of `{}` failed: exited with exit code 3",
        place.name("web")
    );
    assert!(failure.contains(&told), "{failure}");
    let lines = detail(&report, "web");
    assert!(
        lines.starts_with("key ") && lines.ends_with(" is bad"),
        "{lines}"
    );
    assert!(lines.len() < 25, "the secret is left out: {lines}");
    assert!(place.list("container").is_empty());

    let main = place.name("web");
    let set = |desired: &mut crate::docker::Draft, code: &str| {
        let steps = &mut desired.engine.containers.get_mut(&main).unwrap().init;
        let env = &mut steps[0].container.env;
        env.insert("CODE".to_owned(), literal(code));
    };
    set(&mut desired, "0");
    place.apply_all(&desired).await;
    let id = place.id("web");
    set(&mut desired, "4");
    let report = place.apply(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Failed);
    assert_eq!(place.id("web"), id);
    assert_eq!(place.inspect("web", "{{.State.Status}}"), "running");
    assert_eq!(place.list("container"), [place.name("web")]);
}

pub(super) async fn a_sidecar_shares_network_and_folders(place: &Place) {
    let mut desired = place.desired();
    let web = desired.serve("web", &[]);
    web.mounts.extend([shared()]);
    web.ports.push(publish(9090, None));
    let page = "echo hello > /work/index.html; busybox wget -q -O /dev/null \
                http://127.0.0.1:8080/healthz; exec busybox httpd -f -p 9090 -h /work";
    let proxy = desired.sidecar("web", "proxy", page);
    proxy.health = Some(health(Check::Tcp { port: 9090 }));
    place.apply_all(&desired).await;
    let port = place.inspect(
        "web",
        "{{(index (index .HostConfig.PortBindings \"9090/tcp\") 0).HostPort}}",
    );
    assert!(get(&format!("127.0.0.1:{port}")).await.contains("hello"));
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
    let status = place.status(&desired).await;
    let web = &status.components["web"];
    assert_eq!((web.state, web.ready, web.replicas), (State::Running, 1, 1));

    // What is killed is healed, together.
    let sidecar = format!("{}_proxy", place.name("web"));
    place.bed.docker(&["rm", "-f", &sidecar]);
    let status = place.status(&desired).await;
    assert_eq!(status.components["web"].ready, 0);
    place.apply_all(&desired).await;
    place.bed.docker(&["restart", &place.name("web")]);
    let plan = place.plan(&desired).await;
    assert!(plan.contains("was started again"), "{plan}");
    place.apply_all(&desired).await;
    assert!(get(&format!("127.0.0.1:{port}")).await.contains("hello"));
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);

    let before = place.id("web");
    desired
        .container("web")
        .env
        .insert("A".to_owned(), literal("b"));
    let report = place.apply_all(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Replaced);
    assert_ne!(place.id("web"), before);
    assert!(get(&format!("127.0.0.1:{port}")).await.contains("hello"));
    let folder = place.inspect("web", "{{range .Mounts}}{{.Name}}{{end}}");
    let volumes = || place.bed.docker(&["volume", "ls", "-q"]);
    assert!(volumes().contains(&folder));
    place.down(&desired, true).await;
    assert!(place.list("container").is_empty());
    assert!(
        !volumes().contains(&folder),
        "the shared folder goes with them"
    );
}

pub(super) async fn a_job_ends_its_sidecar(place: &Place) {
    let mut desired = place.desired();
    let wait = "until busybox wget -q -O - http://127.0.0.1:9090/; do busybox sleep 0.1; done";
    desired.script("index", wait).mounts.extend([shared()]);
    desired.job("index");
    let page = "echo served > /work/index.html; exec busybox httpd -f -p 9090 -h /work";
    desired.sidecar("index", "files", page);
    place.apply_all(&desired).await;
    assert_eq!(place.list("container"), [place.name("index")]);
    let status = place.status(&desired).await;
    assert_eq!(status.components["index"].state, State::Completed);
    assert_eq!(place.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_job_that_fails_ends_its_sidecar(place: &Place) {
    let mut desired = place.desired();
    desired.script("index", "busybox sleep 1; exit 3");
    desired.job("index");
    desired.sidecar("index", "files", "exec busybox sleep 1000");
    let report = place.apply(&desired).await;
    assert_eq!(report.components["index"].outcome, Outcome::Failed);
    let [failure] = &report.failures[..] else {
        panic!("{report:#?}");
    };
    assert!(
        failure.message.contains("exit code 3"),
        "{}",
        failure.message
    );
    assert_eq!(place.list("container"), [place.name("index")]);
    // It runs again, and so does the sidecar.
    let text = place.plan(&desired).await;
    assert!(text.contains("did not complete"), "{text}");
    desired.container("index").args = Some(vec!["exit 0".to_owned()]);
    place.apply_all(&desired).await;
    assert_eq!(place.list("container"), [place.name("index")]);
}

pub(super) async fn what_cannot_be_replaced_goes_on_with_its_sidecar(place: &Place) {
    let mut desired = place.desired();
    let sidecar = |name: &str| format!("{}_files", place.name(name));
    let page = "mkdir -p /tmp/w; echo served > /tmp/w/index.html; \
                exec busybox httpd -f -p 9090 -h /tmp/w";
    for name in ["index", "web"] {
        desired.script(name, "exec busybox sleep 1000");
        desired.sidecar(name, "files", page).user = None;
    }
    desired.job("index");
    desired.component("index").deadline_ms = 1000;
    // The job is not done in time, and goes on.
    let report = place.apply(&desired).await;
    assert_eq!(report.components["web"].outcome, Outcome::Created);
    let runs = |container: &str| {
        let format = "--format={{.State.Running}}";
        let inspect = ["inspect", "--type=container", format, container];
        place.bed.docker(&inspect) == "true"
    };
    let all = [("web", true), ("index", false)];
    for (name, _) in all {
        assert!(runs(&place.name(name)) && runs(&sidecar(name)), "{name}");
    }

    for (name, _) in all {
        desired.init(name, "check", "exit 3");
    }
    let report = place.apply(&desired).await;
    for (name, resumes) in all {
        assert_eq!(report.components[name].outcome, Outcome::Failed);
        assert_eq!(runs(&place.name(name)), resumes, "{name}");
        assert_eq!(runs(&sidecar(name)), resumes, "{name}");
    }
    // The sidecar shares the network of the new run.
    let ask = ["exec", &place.name("web"), "/bin/busybox", "wget"];
    let page = ["-q", "-O", "-", "http://127.0.0.1:9090/"];
    assert_eq!(place.bed.docker(&[ask, page].concat()), "served");
}
