//! [`Canary`]: a secret value in every place that a fragment can give it to, and the
//! search for it everywhere else.

use std::{fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use kcc_test_support::CommandOutput;

use crate::{Host, SHELL, System};

/// A part of the value that no encoding of URLs changes, in its two versions.
const CORES: [&str; 2] = ["7f3aCanary9b2c", "51d0Canary44e7"];

/// Uses the value in twenty places, as it is or in a text: variables of a service, an init
/// step, a sidecar, a job and a cron job; a URL, a password and a file made of it; a
/// mounted file; a health check and a command before the stop that print it; the
/// password of a backing; the outputs of the providers. `HEALTH` is the end of the check.
const FRAGMENT: &str = r#"
package canary

system: {name: "NAME", targets: {dev: docker: {}, prod: kubernetes: {}}}

_box: {
	image:   *"kcc-test/shell:1" | string
	command: *["tail", "-f", "/dev/null"] | [...]
	...
}
defaults: services: [string]: rollout: {gracePeriod: "1s", deadline: "10s"}

services: {
	reads: _box & {
		command: ["sh", "-c", "echo main $DIRECT; exec tail -f /dev/null"]
		env: {
			DIRECT: secret:      "canary"
			TOLD: secret:        "told"
			ENVIRONMENT: secret: "environment"
			MADE: secret:        "made"
			URL: {from: "orders", output:      "url"}
			PASSWORD: {from: "orders", output: "password"}
		}
		health: readiness: {exec: ["sh", "-c", "echo health $DIRECT; HEALTH"], period: "1s", timeout: "20s"}
		init: step: {
			command: ["sh", "-c", "echo step $DIRECT"]
			env: DIRECT: secret: "canary"
		}
		sidecars: side: {
			image: "kcc-test/shell:1"
			command: ["sh", "-c", "echo side $DIRECT; exec tail -f /dev/null"]
			env: DIRECT: secret: "canary"
		}
		rollout: preStop: ["sh", "-c", "echo stop $DIRECT"]
	}
	mounts: _box & {
		volumes: secret: {mount: "/secret", secret: "canary"}
		files: "/etc/password": {from: "orders", output: "password"}
	}
	plain: _box & {labels: note: "plain", annotations: note: "plain"}
}
jobs: once: _box & {
	command: ["sh", "-c", "echo job $DIRECT"]
	env: DIRECT: secret: "canary"
}
cronJobs: nightly: _box & {
	schedule: "15 3 * * *"
	command: ["sh", "-c", "echo cron $DIRECT"]
	env: DIRECT: secret: "canary"
}
backing: orders: {kind: "postgres", password: secret: "canary"}
secrets: {
	canary: file:     "canary.txt"
	told: command:    ["sh", "-c", "cat canary.txt >&2; cat canary.txt"]
	environment: env: "CANARY"
	made: generate: {}
}
configs: settings: data: mode: "fast"
services: plain: env: MODE: {config: "settings", key: "mode"}
"#;

/// Fragments that give a secret to a field that may not have one, by the name of the field.
const ATTEMPTS: [(&str, &str); 6] = [
    (
        "label",
        "services: plain: labels: canary: secret: \"canary\"",
    ),
    (
        "annotation",
        "services: plain: annotations: canary: secret: \"canary\"",
    ),
    (
        "config",
        "configs: settings: data: canary: secret: \"canary\"",
    ),
    (
        "file",
        "services: plain: files: \"/etc/c\": content: secret: \"canary\"",
    ),
    (
        "argument",
        "services: plain: args: [{from: \"orders\", output: \"url\"}]",
    ),
    (
        "build argument",
        "services: built: build: {context: \".\", args: CANARY: secret: \"canary\"}",
    ),
];

/// The file of a capsule.
const CAPSULE: &str = "canary.capsule";

/// A system whose secret has a value that is looked for.
pub struct Canary<H: Host> {
    /// The system.
    pub system: System<H>,
    /// Everything that anybody can read.
    texts: Vec<(String, String)>,
}

impl<H: Host> Canary<H> {
    /// Makes a copy of the example `hello` the system.
    pub fn new(system: System<H>) -> Self {
        let canary = Self {
            system,
            texts: Vec::new(),
        };
        canary.write("true");
        canary.rotate(0);
        let login = canary.system.path("login");
        fs::create_dir(&login).unwrap();
        let auth = BASE64.encode(format!("ann:{}", value(0)));
        let config = format!(r#"{{"auths": {{"127.0.0.1:1": {{"auth": "{auth}"}}}}}}"#);
        fs::write(login.join("config.json"), config).unwrap();
        canary.system.testbed.shell_image(SHELL);
        canary.system.stand_in();
        canary
    }

    fn write(&self, health: &str) {
        let text = FRAGMENT.replace("NAME", &self.system.name);
        fs::write(self.system.path("kcc.cue"), text.replace("HEALTH", health)).unwrap();
    }

    /// Writes the value in one of its versions.
    fn rotate(&self, version: usize) {
        let value = value(version);
        fs::write(self.system.path("canary.txt"), value + "\n").unwrap();
    }

    /// Runs a command and keeps what it prints.
    pub fn run(&mut self, args: &[&str]) -> CommandOutput {
        let ran = CommandOutput::of(&mut self.command(args));
        self.keep(format!("kcc {args:?}"), format!("{}{}", ran.out, ran.err));
        ran
    }

    /// Keeps a text to search.
    pub fn keep(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.push((name.into(), text.into()));
    }

    /// Uses the value everywhere, in all commands, and makes each fail that can. `look`
    /// keeps what the engine shows to anybody, after each change; at `point` kcc panics,
    /// if it has fail points.
    pub fn sings(&mut self, look: impl Fn(&mut Self), point: &str) {
        let target = self.system.target();
        let apply = ["-v", "apply", "--target", target, "--yes"];
        let json = [&apply[..], &["--format", "json"]].concat();
        self.ok(&["plan", "--target", target, "-o", "plan.json"]);
        self.ok(&["plan", "--target", target, "--format", "json"]);
        self.panics(&apply, point);
        self.ok(&json);
        look(self);
        for command in [
            &["check"][..],
            &["model", "--target", target],
            &["render", "--target", target, "--output", "rendered"],
            &["status", "--target", target, "--format", "json"],
            &["status", "--target", target],
            &["plan", "--target", target],
            &["logs", "--target", target],
            &["logs", "reads", "--target", target],
        ] {
            self.ok(command);
        }
        self.check();
        self.rotation_restarts_readers();
        look(self);
        self.check();
        self.a_failing_check_is_redacted(&apply);
        self.attempts_fail();
        self.unusable_values_are_not_shown(&apply);
        look(self);
        let down = ["down", "--target", target, "--volumes", "--yes"];
        self.ok(&down);
        self.check();
    }

    /// Lets kcc panic while it holds the value.
    fn panics(&mut self, apply: &[&str], point: &str) {
        let armed = format!("{point}=panic(fail point)");
        let mut command = self.command(apply);
        let ran = CommandOutput::of(command.env("FAILPOINTS", armed));
        let panicked = ran.err.contains("fail point");
        assert_eq!(ran.code, Some(if panicked { 70 } else { 0 }), "{ran:#?}");
        self.keep("a panic", ran.out + &ran.err);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.system.command(args);
        command
            .env("CANARY", value(0))
            .env("RUST_BACKTRACE", "full")
            .env("XDG_CACHE_HOME", self.system.path("home"))
            .env("DOCKER_CONFIG", self.system.path("login"));
        command
    }

    fn ok(&mut self, args: &[&str]) {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:#?}");
    }

    /// Changes the value: the plan names those that read it, and nothing else changes.
    fn rotation_restarts_readers(&mut self) {
        let target = self.system.target();
        self.rotate(1);
        let plan = self.run(&["plan", "--target", target]);
        assert_eq!(plan.code, Some(0), "{plan:#?}");
        for reader in ["reads", "mounts", "orders"] {
            assert!(plan.out.contains(reader), "{reader}: {}", plan.out);
        }
        assert!(!plan.out.contains("plain"), "{}", plan.out);
        self.ok(&["-v", "apply", "--target", target, "--yes"]);
        let plan = self.run(&["plan", "--target", target, "--exit-code"]);
        assert_eq!(plan.code, Some(0), "{plan:#?}");
    }

    /// A health check fails and prints the value.
    fn a_failing_check_is_redacted(&mut self, apply: &[&str]) {
        let target = self.system.target();
        self.write("exit 1");
        let ran = self.run(apply);
        assert_eq!(ran.code, Some(4), "{ran:#?}");
        self.run(&["status", "--target", target]);
        self.run(&["plan", "--target", target]);
        self.ok(&[
            "capture",
            "--target",
            target,
            "--edited-values",
            "-o",
            CAPSULE,
        ]);
        self.check();
        self.write("true");
        self.ok(apply);
    }

    /// Fragments that use the secret where its value would show.
    fn attempts_fail(&mut self) {
        let target = self.system.target();
        let path = self.system.path("attempt.cue");
        for (name, attempt) in ATTEMPTS {
            fs::write(&path, format!("package canary\n{attempt}\n")).unwrap();
            let ran = self.run(&["render", "--target", target]);
            let allowed = ran.code == Some(0) && ran.out.contains("$(");
            assert!(ran.code == Some(1) || allowed, "{name}: {ran:#?}");
        }
        fs::remove_file(path).unwrap();
        self.check();
    }

    /// Values that cannot be used: the errors tell the secret's name and nothing of it.
    fn unusable_values_are_not_shown(&mut self, apply: &[&str]) {
        let path = self.system.path("canary.txt");
        let nul = [value(0).as_bytes(), b"\0tail"].concat();
        let not_utf8 = [value(0).as_bytes(), b"\xff"].concat();
        let long = value(0) + &"x".repeat(2 << 20);
        for (name, bytes) in [
            ("nul", nul),
            ("not UTF-8", not_utf8),
            ("too long", long.into_bytes()),
            ("empty", Vec::new()),
        ] {
            fs::write(&path, &bytes).unwrap();
            let ran = self.run(apply);
            if !bytes.is_empty() {
                assert!(matches!(ran.code, Some(3 | 4)), "{name}: {ran:#?}");
                assert!(ran.err.contains("canary"), "{name}: {ran:#?}");
            }
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let ran = self.run(apply);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        fs::remove_dir(&path).unwrap();
        self.check();
        self.rotate(1);
        self.ok(apply);
    }

    /// Searches everything that was kept, and all files of kcc.
    pub fn check(&mut self) {
        let files = [self.system.path("rendered"), self.system.path("home")];
        for directory in files {
            self.keep_files(&directory);
        }
        for file in ["plan.json", CAPSULE] {
            self.keep_files(&self.system.path(file));
        }
        for (name, text) in std::mem::take(&mut self.texts) {
            for needle in needles() {
                if let Some(at) = text.find(&needle) {
                    let from = text[..at].char_indices().rev().nth(300);
                    let from = from.map_or(0, |(at, _)| at);
                    panic!("{name}: {}", &text[from..at + needle.len()]);
                }
            }
        }
    }

    fn keep_files(&mut self, path: &Path) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                self.keep_files(&entry.unwrap().path());
            }
        } else if path.is_file() {
            let bytes = fs::read(path).unwrap();
            self.keep(path.display().to_string(), String::from_utf8_lossy(&bytes));
        }
    }
}

/// Returns the value in one of its versions. It needs an encoding in URLs.
pub fn value(version: usize) -> String {
    format!("a/{}:b@c", CORES[version])
}

/// Returns the texts that give a value away: its core, and what base64 makes of that at
/// each of the three offsets.
pub fn needles() -> Vec<String> {
    let mut needles = Vec::new();
    for core in CORES {
        needles.push(core.to_owned());
        for offset in 0..3 {
            let text = [&b"xx"[..offset], core.as_bytes()].concat();
            let encoded = BASE64.encode(text);
            // The first and the last characters depend on what is before and behind.
            let begin = if offset == 0 { 0 } else { 4 };
            needles.push(encoded[begin..encoded.len() - 4].to_owned());
        }
    }
    needles
}
