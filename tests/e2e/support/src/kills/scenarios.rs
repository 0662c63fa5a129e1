//! The systems in which kcc is killed, beside the shop.

use std::fs;

use crate::{Host, System};

use super::{Before, Create, KilledCommand, Scenario};

/// A system with a database, volumes, init steps, sidecars and generated secrets.
const LEDGER: &str = r#"
package ledger

system: {name: "NAME", targets: {dev: docker: {}, prod: kubernetes: {}}}

services: app: {
	image:   "kcc-test/shell:1"
	command: ["sh", "-c", "cat /data/step && touch /run/up && exec tail -f /dev/null"]
	health: readiness: {exec: ["ls", "/run/up"], period: "1s", timeout: "20s"}
	volumes: {
		data: {mount: "/data", size: "1Gi"}
		run: {mount: "/run", ephemeral: {memory: true, size: "1Mi"}}
	}
	env: {
		DATABASE_URL: {from: "orders", output: "url"}
		TOKEN: secret: "token"
	}
	init: {
		first: command: ["sh", "-c", "echo first > /data/step"]
		second: command: ["sh", "-c", "grep first /data/step || cat /data/step"]
	}
	sidecars: side: {
		image: "kcc-test/shell:1"
		command: ["tail", "-f", "/dev/null"]
	}
	rollout: {gracePeriod: "1s", preStop: ["echo", "bye"]}
}
backing: orders: {
	kind: "postgres"
	initScripts: "10-schema.sql": content: "CREATE TABLE t ();"
}
secrets: token: generate: {}
"#;

/// A system in two versions; `VERSION` is 1 or 2.
const CHANGES: &str = r#"
package changes

system: {name: "NAME", targets: {dev: docker: {}, prod: kubernetes: {}}}

_box: {
	image:   *"kcc-test/shell:1" | string
	command: *["sh", "-c", "touch /run/up && exec tail -f /dev/null"] | [...]
	volumes: run: {mount: "/run", ephemeral: {memory: true, size: "1Mi"}}
	rollout: gracePeriod: "1s"
	...
}
_up: health: readiness: {exec: ["ls", "/run/up"], period: "1s", timeout: "20s"}

services: {
	web: _box & _up & {
		env: RELEASE: "VERSION"
		needs: reader: {}
	}
	store: _box & _up & {
		env: RELEASE: "VERSION"
		volumes: data: {mount: "/data", size: "1Gi"}
		files: "/etc/store.conf": content: "version VERSION"
	}
	reader: _box & _up & {env: KEY: secret: "key"}
	steady: _box & _up
	"only-VERSION": _box & _up & {needs: steady: {}}
}
jobs: migrate: {
	image:   "kcc-test/shell:1"
	command: ["echo", "VERSION"]
}
secrets: key: file: "key.txt"
"#;

/// Added to the first and to the second version of the changes.
const VERSIONS: [&str; 2] = [
    "on: prod: services: web: replicas: 2\n",
    "on: prod: services: web: {scale: {min: 1, max: 3}, resources: cpu: \"10m\"}\n",
];

/// The arguments with which a target is applied and taken down.
pub type UpAndDown = [&'static [&'static str]; 2];

/// Returns a scenario that brings a system up and takes it down.
pub fn up_and_down<H: Host>(
    name: &'static str,
    create: Create<H>,
    before: Before<H>,
    [apply, down]: UpAndDown,
) -> Scenario<H> {
    let commands = vec![
        KilledCommand {
            name: "first apply",
            before,
            args: apply,
        },
        KilledCommand {
            name: "down",
            before: Box::new(|_| {}),
            args: down,
        },
    ];
    Scenario {
        name,
        create,
        commands,
    }
}

/// Returns a system with changes that replace containers, remove what is no longer
/// declared, and rotate a secret. `before` prepares each version.
pub fn changes<H: Host + 'static>(
    create: Create<H>,
    before: fn(&System<H>, version: usize),
    args: UpAndDown,
) -> Scenario<H> {
    let version = |version: usize| -> Before<H> {
        Box::new(move |system| {
            write_changes(system, version);
            before(system, version);
        })
    };
    let mut scenario = up_and_down("changes", create, version(1), args);
    let second = KilledCommand {
        name: "changes",
        before: version(2),
        args: args[0],
    };
    scenario.commands.insert(1, second);
    scenario
}

/// Makes a copy of the example `hello` the system with a database.
pub fn write_ledger<H: Host>(system: &System<H>) {
    write(system, LEDGER);
}

/// Makes a copy of the example `hello` one version of the changes.
fn write_changes<H: Host>(system: &System<H>, version: usize) {
    let text = CHANGES.replace("VERSION", &version.to_string());
    write(system, &(text + VERSIONS[version - 1]));
    let value = format!("value-of-version-{version}");
    fs::write(system.path("key.txt"), value).unwrap();
}

fn write<H: Host>(system: &System<H>, text: &str) {
    let text = text.replace("NAME", &system.name);
    fs::write(system.path("kcc.cue"), text).unwrap();
}
