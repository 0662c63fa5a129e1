//! Instances that share a database with their target: each sees what the others write, and
//! none of them changes it.

use std::sync::Arc;

use kcc_test_engines::{Host as _, SHELL, System, docker::Testbed, report};
use serde_json::Value;

/// A database that answers `put ROW` with all rows, its client, and a backing with a
/// generated password.
const FRAGMENT: &str = r#"
services: {
	db: {
		image: "kcc-test/shell:1"
		port:  7000
		command: ["sh", "-c", "while true; do nc -l -p 7000 -e sh -c 'read -r line; echo $line >> /data/rows; cat /data/rows'; done"]
		volumes: data: {mount: "/data", size: "1Gi"}
		rollout: gracePeriod: "1s"
	}
	client: {
		image: "kcc-test/shell:1"
		command: ["tail", "-f", "/dev/null"]
		needs: {
			db: {}
			orders: {}
		}
		env: PASSWORD: {from: "orders", output: "password"}
		rollout: gracePeriod: "1s"
	}
}
backing: orders: kind: "postgres"
"#;

/// Returns a command line for an instance.
fn args<'a>(instance: Option<&'a str>, command: &[&'a str]) -> Vec<&'a str> {
    let (command, rest) = command.split_at(1);
    let mut args = [command, &["--target", "dev"]].concat();
    args.extend(instance.iter().flat_map(|name| ["--instance", *name]));
    args.extend(rest);
    args
}

struct Copies(System<Testbed>);

impl Copies {
    fn run(&self, instance: Option<&str>, command: &[&str]) -> String {
        self.0.run_ok(&args(instance, command))
    }

    /// Sends a row from the client of an instance, and returns all rows.
    fn put(&self, instance: Option<&str>, row: &str) -> Vec<String> {
        let script = format!("echo {row} | nc db 7000");
        let exec = ["exec", "client", "--", "sh", "-c", &script];
        let out = self.run(instance, &exec);
        out.lines().map(str::to_owned).collect()
    }

    fn password(&self, instance: Option<&str>) -> String {
        let exec = ["exec", "client", "--", "sh", "-c", "echo $PASSWORD"];
        self.run(instance, &exec)
    }

    fn json(&self, instance: Option<&str>, command: &str) -> Value {
        let out = self.run(instance, &[command, "--format", "json"]);
        out.lines()
            .find_map(|line| serde_json::from_str(line).ok())
            .unwrap()
    }

    /// Returns what the target itself has, without instances.
    fn of_target(&self) -> Vec<String> {
        let testbed = &self.0.testbed;
        let prefix = format!("{}-dev-", self.0.name);
        let kinds = ["container", "network", "volume"].into_iter();
        let objects = kinds.flat_map(|kind| {
            let names = testbed.objects(&self.0.name, kind).into_iter();
            let names = names.filter(|name| name.starts_with(&prefix));
            let inspect =
                |name: String| testbed.docker(&[kind, "inspect", "--format={{.Name}}", &name]);
            names.map(inspect).collect::<Vec<_>>()
        });
        let container = |name: &str| format!("{prefix}{name}");
        let ids = ["db", "client", "orders"].map(|name| {
            let format = "--format={{.Id}} {{.State.StartedAt}}";
            testbed.docker(&["container", "inspect", format, &container(name)])
        });
        objects.chain(ids).collect()
    }
}

pub(crate) fn instances_share_a_database(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "dev", "sharing");
    system.edit("kcc.cue", "expose: 8080", "expose: true");
    system.append("kcc.cue", FRAGMENT);
    system.stand_in();
    system.testbed.shell_image(SHELL);
    let copies = Copies(system);
    let share = ["apply", "--share", "db", "--share", "orders"];
    let (ann, ben) = (Some("ann"), Some("ben"));

    // What the target does not run cannot be shared, and nothing is created.
    let refused = copies.0.run(&args(ann, &share));
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    refused.assert_stderr_contains("kcc::plan::shared-not-running");
    refused.assert_stderr_contains("kcc apply --target dev");
    assert!(
        copies
            .0
            .testbed
            .objects(&copies.0.name, "container")
            .is_empty()
    );

    copies.run(None, &["apply"]);
    let before = copies.of_target();
    for instance in [ann, ben] {
        let out = copies.run(instance, &[&share[..], &["--format", "json"]].concat());
        let report = report(&out);
        let components: Vec<_> = report["components"].as_object().unwrap().keys().collect();
        assert_eq!(components, ["client", "web"], "{report:#}");
    }
    assert_eq!(copies.put(None, "target"), ["target"]);
    assert_eq!(copies.put(ann, "ann"), ["target", "ann"]);
    assert_eq!(copies.put(ben, "ben"), ["target", "ann", "ben"]);
    let password = copies.password(None);
    assert_eq!(copies.password(ann), password);
    assert!(password.trim().len() >= 16);

    // The record remembers it.
    let plan = copies.json(ann, "plan");
    assert_eq!(plan["shared"], serde_json::json!(["db", "orders"]));
    assert_eq!(plan["operations"], serde_json::json!([]), "{plan:#}");
    let again = report(&copies.run(ann, &["apply", "--format", "json"]));
    assert_eq!(again["mutatingCalls"], 0, "{again:#}");
    let status = copies.json(ann, "status");
    assert_eq!(status["components"]["db"]["state"], "shared", "{status:#}");
    assert!(!status.to_string().contains(password.trim()));
    let drift = ["drift", "--settle", "0s", "--exit-code"];
    copies.run(ann, &drift);
    copies.run(None, &drift);

    // The target keeps what they use.
    let refused = copies.0.run(&args(None, &["down"]));
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    refused.assert_stderr_contains("kcc::plan::shared-in-use");
    refused.assert_stderr_contains("kcc down --target dev --instance ann");
    copies.run(ann, &["down", "--volumes"]);
    assert_eq!(copies.put(ben, "left"), ["target", "ann", "ben", "left"]);
    copies.run(ben, &["down", "--volumes"]);

    // A program sees it, and nothing of it is removed afterwards.
    let run = ["run", "--share", "db", "--share", "orders", "--volumes"];
    let ran = args(Some("auto"), &[&run[..], &["--", "true"]].concat());
    copies.0.run_ok(&ran);
    assert_eq!(copies.of_target(), before);
    assert_eq!(copies.put(None, "end").len(), 5);
    copies.run(None, &["down", "--volumes"]);
}
