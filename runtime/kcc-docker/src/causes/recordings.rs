//! Records failures of a real engine: with `KCC_UPDATE=1` and an engine in `DOCKER_HOST`
//! every scenario runs, all of them at once, and what kcc then reads of it is written to
//! `recorded`.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use kcc_lower::docker::Container;
use kcc_model::Until;
use kcc_plan::{Options, Secrets};
use kcc_test_support::root;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    client::Client,
    endpoint::Endpoint,
    readiness::{Look, ReadinessCheck},
};

/// An image with a shell and its tools.
const TOOLS: &str = "kcc-e2e-tools:1";
/// The time after which a crash loop has gone round a few times.
const SETTLED: Duration = Duration::from_secs(12);

/// A container of a recording.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordedContainer {
    pub(super) container: Container,
    /// True if it has to run to completion.
    pub(super) is_job: bool,
    /// The engine's answer to an inspection; none if it does not exist.
    pub(super) inspect: Option<Value>,
    /// The time for which it has been running, and has been over, in milliseconds.
    pub(super) uptime: u64,
    pub(super) ended_for: u64,
    pub(super) exit: Option<i64>,
    /// The answer of its health check, if one was made.
    pub(super) answer: Option<Result<(), String>>,
    pub(super) log: Vec<String>,
    /// The platform of its image; none if the engine does not have it.
    pub(super) platform: Option<String>,
}

/// The state of a scenario on a real engine.
#[derive(Serialize, Deserialize)]
pub(super) struct Recording {
    /// The declared needs: a component and another one, which has to be healthy.
    pub(super) needs: Vec<(String, String)>,
    pub(super) containers: BTreeMap<String, RecordedContainer>,
}

struct Scenario {
    name: &'static str,
    /// The containers by component: arguments of `docker create`, and what is declared.
    containers: Vec<(&'static str, String, Value)>,
    /// Commands that bring the failure about, in which `@` is the prefix of names.
    commands: Vec<&'static str>,
    needs: Vec<(&'static str, &'static str)>,
}

impl Scenario {
    fn run(mut self, command: &'static str) -> Self {
        self.commands.push(command);
        self
    }

    fn needs(mut self, component: &'static str, other: &'static str) -> Self {
        self.needs.push((component, other));
        self
    }

    fn add(mut self, component: &'static str, args: impl Into<String>, declared: Value) -> Self {
        self.containers.push((component, args.into(), declared));
        self
    }

    /// Adds a component that does not exist yet, because what it needs is not ready.
    fn absent(self, component: &'static str, other: &'static str) -> Self {
        self.add(component, "", json!({})).needs(component, other)
    }

    /// Adds a program that gives up at once because another one does not answer.
    fn caller(self, component: &'static str, other: &'static str) -> Self {
        let script = format!("echo 'connect to {other}:8080: connection refused' >&2; exit 1");
        self.add(component, sh(&script), json!({}))
            .needs(component, other)
    }
}

fn one(name: &'static str, args: impl Into<String>, declared: Value) -> Scenario {
    Scenario {
        name,
        containers: vec![("payments", args.into(), declared)],
        commands: Vec::new(),
        needs: Vec::new(),
    }
}

fn sh(script: &str) -> String {
    format!("--restart unless-stopped {TOOLS} /bin/sh -c \"{script}\"")
}

fn script(name: &'static str, text: &str) -> Scenario {
    one(name, sh(text), json!({}))
}

fn checked(name: &'static str, text: &str, check: &Value) -> Scenario {
    let health = json!({"health": {
        "check": check, "intervalMs": 1000, "timeoutMs": 1000, "retries": 1,
        "startPeriodMs": 0, "emulated": true,
    }});
    one(name, sh(text), health)
}

fn commanded(name: &'static str, command: &str) -> Scenario {
    let args = format!(
        "--health-interval 1s --health-timeout 1s --health-retries 1 --health-cmd '{command}' {}",
        sh("sleep 3600")
    );
    one(name, args, json!({}))
}

const SERVE: &str = "httpd -f -p 8080 -h /";

fn http(path: &str) -> Value {
    json!({"http": {"path": path, "port": 8080}})
}

#[allow(clippy::too_many_lines, reason = "it is a list")]
fn scenarios() -> Vec<Scenario> {
    let image = |image: &str| format!("--restart unless-stopped {image}");
    vec![
        one("image-missing", "", json!({"image": "registry.invalid/acme/payments:9"})).absent("checkout", "payments"),
        one("absent", "", json!({})),
        script("paused", "sleep 3600").run("docker pause @payments").caller("checkout", "payments"),
        one("port-allocated", format!("-p 28080:8080 {}", sh("sleep 3600")), json!({})).run("docker run -d --name @other -p 28080:80 kcc-e2e-tools:1").run("docker start @payments").absent("checkout", "payments"),
        one("network-missing", format!("--network @net {}", sh("sleep 1")), json!({"networks": {"@net": []}})).run("docker network rm @net").run("docker start @payments").absent("checkout", "payments"),
        one("device-missing", format!("--device /dev/kcc-none {}", sh("sleep 1")), json!({})),
        one("user-missing", format!("--user payer {}", sh("sleep 1")), json!({"user": "payer"})).absent("checkout", "payments"),
        one("program-missing", format!("{} /app/serve", image(TOOLS)), json!({})).absent("checkout", "payments"),
        one("program-missing.path", format!("{} serve", image(TOOLS)), json!({})),
        one("program-not-executable", format!("{} /notes.txt", image(TOOLS)), json!({})),
        one("program-platform", format!("{} /serve", image(TOOLS)), json!({})).absent("checkout", "payments"),
        one("created", sh("sleep 1"), json!({})).run("true"),
        one("out-of-memory", format!("--memory 16m --memory-swap 16m {}", sh("x=x; while true; do x=\\$x\\$x; done")), json!({"memory": 16_777_216})).absent("checkout", "payments"),
        one("image-platform", sh("exit 1").replace(TOOLS, "kcc-e2e-tools-arm:1"), json!({"image": "kcc-e2e-tools-arm:1", "platform": "linux/amd64"})),
        script("command-not-found", "serve --port 8080").absent("checkout", "payments"),
        script("command-not-executable", "/notes.txt"),
        script("crashed", "sh -c 'kill -SEGV \\$\\$'; exit \\$?"),
        script("killed", "exit 137"),
        one("read-only-file-system", format!("--read-only {}", sh("echo x > /tmp/cache")), json!({"readOnly": true})).caller("checkout", "payments"),
        script("disk-full", "echo 'write /data/wal: no space left on device' >&2; exit 1"),
        script("port-in-use", "httpd -p 8080; exec httpd -f -p 8080"),
        script("name-not-resolved", "nc ledger.internal 8080"),
        script("permission-denied", "echo x > /etc-cache").absent("checkout", "payments"),
        script("connection-refused", "echo 'dial tcp 10.0.0.9:5432: connect: connection refused' >&2; exit 1"),
        script("exit-success", "echo done"),
        script("exit-code", "echo 'panic: invalid rate table' >&2; exit 3").absent("checkout", "payments"),
        script("exit-code.callers", "echo 'panic: invalid rate table' >&2; exit 3").caller("checkout", "payments").caller("web", "checkout"),
        one("exit-code.job", format!("{TOOLS} /bin/sh -c \"echo 'no table rates' >&2; exit 5\""), json!({"job": true})).absent("checkout", "payments"),
        one("image-check-missing", sh("sleep 3600"), json!({"hasImageHealth": true})),
        one("network-lost", format!("--network @net {}", sh(SERVE)), json!({"networks": {"@net": []}, "health": {
            "check": http("/"), "intervalMs": 1000, "timeoutMs": 1000, "retries": 1, "startPeriodMs": 0, "emulated": true,
        }})).run("docker network disconnect @net @payments"),
        checked("check-status", SERVE, &http("/healthz")).absent("checkout", "payments"),
        checked("check-status.callers", SERVE, &http("/healthz")).caller("checkout", "payments"),
        checked("check-port-closed", "echo serving on 127.0.0.1:9090; sleep 3600", &http("/healthz")).absent("checkout", "payments"),
        checked("check-port-closed.tcp", "sleep 3600", &json!({"tcp": {"port": 8080}})),
        checked("check-timeout", "nc -l -p 8080 -e sleep 3600", &http("/healthz")).caller("checkout", "payments"),
        checked("check-protocol", "while true; do echo 220 ready | nc -l -p 8080; done", &http("/healthz")),
        commanded("check-command-missing", "pg_isready -U shop").absent("checkout", "payments"),
        commanded("check-failed", "echo no database here; exit 1").absent("checkout", "payments"),
        commanded("check-timeout.command", "sleep 30"),
    ]
}

fn prefix(scenario: &Scenario) -> String {
    format!("cause-{}-", scenario.name.replace('.', "-"))
}

fn shell(host: &str, command: &str) {
    let done = Command::new("sh")
        .args(["-c", command])
        .env("DOCKER_HOST", host)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.unwrap();
}

/// Loads an image with a shell and its tools, and one that says it is for arm64.
fn images(host: &str) {
    let files = tempfile::tempdir().unwrap();
    let bin = files.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let tmp = files.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
    for applet in [
        "sh", "sleep", "cat", "httpd", "nc", "kill", "mkdir", "printf", "dd",
    ] {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
    fs::write(files.path().join("notes.txt"), "not a program\n").unwrap();
    let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0";
    fs::write(files.path().join("serve"), program).unwrap();
    let pack = root().join("tests/testbed/pack-image");
    let (pack, files) = (pack.display(), files.path().display());
    shell(
        host,
        &format!("chmod 1777 {files}/tmp; chmod +x {files}/serve"),
    );
    shell(host, &format!("{pack} {TOOLS} {files} | docker load"));
    let plain = "mkdir -p /var/tmp/kcc-cause-image && cd /var/tmp/kcc-cause-image";
    for (name, arch) in [(TOOLS, "amd64"), ("kcc-e2e-tools-arm:1", "arm64")] {
        let build = format!(
            "printf 'FROM {TOOLS}\\nENTRYPOINT []\\nCMD [\"/bin/sleep\", \"3600\"]\\n' > Dockerfile && docker build -q -t {name} ."
        );
        shell(host, &format!("{plain} && {build}"));
        if arch == "arm64" {
            // The legacy builder keeps the platform of its base: the archive is edited.
            let edit = format!(
                "rm -rf image && mkdir image && docker save {name} | tar -x -C image && \
                 cd image && sed -i 's/\"architecture\":\"amd64\"/\"architecture\":\"arm64\"/' *.json && \
                 tar -c . | docker load"
            );
            shell(host, &format!("{plain} && {edit}"));
        }
    }
    shell(host, "rm -rf /var/tmp/kcc-cause-image");
}

fn declared(component: &str, prefix: &str, patch: &Value) -> Container {
    let mut container = json!({
        "component": component, "image": TOOLS, "env": {}, "files": {}, "mounts": {},
        "ports": [], "networks": {}, "restart": "unlessStopped", "stopTimeout": 1,
        "readOnly": false, "addCapabilities": [], "labels": {},
    });
    for (name, value) in patch.as_object().unwrap() {
        if name != "job" {
            container[name] = value.clone();
        }
    }
    let text = container.to_string().replace('@', prefix);
    serde_json::from_str(&text).unwrap()
}

pub(super) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes/recorded")
}

#[tokio::test]
async fn causes_are_recorded() {
    let (true, Ok(host)) = (env::var_os("KCC_UPDATE").is_some(), env::var("DOCKER_HOST")) else {
        return;
    };
    let options = Options {
        env: [("DOCKER_HOST".to_owned(), host.clone())].into(),
        ..Options::default()
    };
    images(&host);
    let all = scenarios();
    for scenario in &all {
        start(&host, scenario);
    }
    tokio::time::sleep(SETTLED).await;
    let endpoint = Endpoint::of(&options).unwrap();
    let client = Client::connect(&endpoint).await.unwrap();
    let secrets = Secrets::default();
    let check = ReadinessCheck {
        client: &client,
        endpoint: &endpoint,
        secrets: Some(&secrets),
        first_exits: None,
        explains: true,
    };
    fs::create_dir_all(directory()).unwrap();
    for scenario in &all {
        let recording = read(&host, &check, scenario).await;
        let text = serde_json::to_string_pretty(&recording).unwrap();
        let path = directory().join(format!("{}.json", scenario.name));
        fs::write(path, text + "\n").unwrap();
        let prefix = prefix(scenario);
        remove(&host, scenario);
        shell(&host, &format!("docker network rm {prefix}net"));
    }
}

fn remove(host: &str, scenario: &Scenario) {
    let prefix = prefix(scenario);
    let names = scenario
        .containers
        .iter()
        .map(|(component, _, _)| component);
    for name in names.chain(&["other"]) {
        shell(host, &format!("docker rm -f {prefix}{name}"));
    }
}

fn start(host: &str, scenario: &Scenario) {
    let prefix = prefix(scenario);
    remove(host, scenario);
    let all: String = scenario
        .containers
        .iter()
        .map(|(_, args, _)| args.as_str())
        .collect();
    if all.contains("@net") {
        shell(host, &format!("docker network create {prefix}net"));
    }
    for (component, args, _) in &scenario.containers {
        if !args.is_empty() {
            let args = args.replace('@', &prefix);
            shell(
                host,
                &format!("docker create --name {prefix}{component} {args}"),
            );
            // A command may have to come before the start.
            if scenario.commands.is_empty()
                || scenario.commands[0].starts_with("docker pause")
                || scenario.commands[0].contains("disconnect")
            {
                shell(host, &format!("docker start {prefix}{component}"));
            }
        }
    }
    for command in &scenario.commands {
        shell(host, &command.replace('@', &prefix));
    }
}

async fn read(host: &str, check: &ReadinessCheck<'_>, scenario: &Scenario) -> Recording {
    let prefix = prefix(scenario);
    let mut containers = BTreeMap::new();
    for (component, _, patch) in &scenario.containers {
        let name = format!("{prefix}{component}");
        let container = declared(component, &prefix, patch);
        let is_job = patch["job"] == true;
        let until = if is_job {
            Until::Completed
        } else {
            Until::Healthy
        };
        let look = check.look(&name, &container, until).await.unwrap();
        let recorded = record(host, &name, container, is_job, look);
        containers.insert((*component).to_owned(), recorded);
    }
    Recording {
        needs: scenario
            .needs
            .iter()
            .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
            .collect(),
        containers,
    }
}

fn record(
    host: &str,
    name: &str,
    container: Container,
    is_job: bool,
    look: Look,
) -> RecordedContainer {
    let shown = Command::new("docker")
        .args(["container", "inspect", name])
        .env("DOCKER_HOST", host)
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
    let mut inspect = shown.get(0).cloned();
    if let Some(fields) = inspect.as_mut().and_then(Value::as_object_mut) {
        for noise in [
            "GraphDriver",
            "HostnamePath",
            "HostsPath",
            "LogPath",
            "ResolvConfPath",
            "AppArmorProfile",
        ] {
            fields.remove(noise);
        }
        if let Some(network) = fields
            .get_mut("NetworkSettings")
            .and_then(Value::as_object_mut)
        {
            network.remove("SandboxKey");
        }
    }
    let milliseconds = |time: Option<Duration>| {
        u64::try_from(time.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    };
    RecordedContainer {
        is_job,
        uptime: milliseconds(look.found.as_ref().map(|found| found.uptime)),
        ended_for: milliseconds(look.found.as_ref().map(|found| found.ended_for)),
        inspect,
        exit: look.exit,
        answer: look.answer,
        log: look.log,
        platform: look.image.map(|image| image.platform),
        container,
    }
}
