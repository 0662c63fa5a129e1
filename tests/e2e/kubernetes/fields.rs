//! Fields that only a running pod shows: volumes that two components share, ephemeral
//! ones, modes of files, facts about the pod, users of steps and sidecars, public ports
//! and aliases, the network and directories of the machine, components that are started
//! by hand, and the scripts of a database. What the node lacks is only accepted.

use std::{fs, sync::Arc, time::Duration};

use kcc_test_engines::{Host as _, HostDirectory, SHELL, System, get_within, kubernetes::Testbed};
use kcc_test_support::CommandOutput;

const FRAGMENT: &str = r##"
system: targets: {
	dev: docker: {}
	prod: kubernetes: publicPorts: "nodePort"
}

volumes: media: {size: "1Gi", access: "ReadWriteMany"}
_box: {
	image: "kcc-test/shell:1"
	command: *["tail", "-f", "/dev/null"] | [...]
	...
}
defaults: services: [string]: rollout: gracePeriod: "1s"
services: {
	server: _box & {
		command: ["sh", "-c", "echo '{\"ok\": true}' >/media/index.html; exec httpd -f -p 8080 -h /media"]
		ports: {
			http: {number: 8080, public: true}
			calls: {number: 5353, protocol: "UDP", public: true}
		}
		health: http: "/"
		aliases: ["files"]
		env: {
			ADDRESS: field: "podIP"
			POD: field:     "podName"
			ID: field:      "podUID"
			NODE: field:    "nodeName"
			MACHINE: field: "hostIP"
		}
		volumes: {
			media: {mount: "/media", from: "media"}
			run: {mount: "/run", ephemeral: {memory: true, size: "1Mi"}}
		}
		files: {
			"/opt/run.sh": {content: "#!/bin/sh\necho ran\n", mode: "0755"}
			"/opt/key": {content: "key", mode: "0440"}
		}
		placement: priorityClass: "system-cluster-critical"
		init: prepare: {user: "4000", command: ["sh", "-c", "id -u >/run/prepared"]}
		sidecars: side: {
			image: "kcc-test/shell:1"
			user:  "3000"
			command: ["tail", "-f", "/dev/null"]
		}
	}
	reader: _box & {
		volumes: media: {mount: "/media", from: "media", readOnly: true}
		needs: {
			server: {}
			orders: {}
		}
	}
	agent: _box & {
		hostNetwork: true
		env: {
			ADDRESS: field: "podIP"
			MACHINE: field: "hostIP"
		}
		volumes: host: {mount: "/host", hostPath: "DIRECTORY", propagation: "hostToContainer"}
		sidecars: {
			with: {
				image: "kcc-test/shell:1"
				command: ["tail", "-f", "/dev/null"]
				hostPaths: host: {}
			}
			without: {
				image: "kcc-test/shell:1"
				command: ["tail", "-f", "/dev/null"]
			}
		}
	}
	tool: _box & {start: "manual"}
}
jobs: task: _box & {start: "manual", command: ["echo", "done by hand"]}
backing: orders: {
	kind: "postgres"
	initScripts: {
		"20-rows.sql": content:   "INSERT INTO t DEFAULT VALUES;"
		"10-schema.sql": content: "CREATE TABLE t ();"
	}
}
grants: machine: {
	to: ["services.agent"]
	allow: {hostPath: "DIRECTORY", hostNetwork: true}
	reason: "it watches the machine"
}
"##;

/// Fields that need what the node lacks.
const MACHINE: &str = r#"
system: targets: prod: parity: accept: "services.player.devices": "the node's plugin gives it"

services: player: {
	image:    "kcc-test/shell:1"
	platform: "linux/arm64"
	resources: gpu:               1
	devices: nothing: path:       "/dev/null"
	security: {profile: "baseline", privileged: true}
	volumes: host: {mount: "/host", hostPath: "/mnt", propagation: "bidirectional"}
}
grants: player: {
	to: ["services.player"]
	allow: {hostPath: ["/mnt", "/dev/null"], privileged: true}
	reason: "it decodes video"
}
"#;

pub(crate) fn fields_have_an_effect_in_pods(testbed: Arc<Testbed>) {
    let mut system = System::of(testbed, "hello", "prod", "fields");
    let namespace = format!("{}-prod", system.name);
    system.sites = vec![namespace.clone()];
    let host = HostDirectory::new();
    let directory = host.path().to_str().unwrap();
    system.append("kcc.cue", &FRAGMENT.replace("DIRECTORY", directory));
    system.stand_in();
    system.testbed.shell_image(SHELL);
    let target = ["--target", "prod"];
    let sh = |container: &str, script: &str| -> CommandOutput {
        let component = container.split('/').next().unwrap();
        let name = container.split('/').next_back().unwrap();
        let exec = ["exec", component, "--container", name];
        system.run(&[&exec[..], &target, &["--", "sh", "-c", script]].concat())
    };
    let prints = |container: &str, script: &str, expected: &str| {
        let ran = sh(container, script);
        assert_eq!(ran.out.trim(), expected, "{container}: {script}: {ran:#?}");
    };
    let get = |kind: &str, name: &str, path: &str| {
        let path = format!("jsonpath={{{path}}}");
        let get = ["get", kind, name, "-n", &namespace, "-o", &path];
        system.testbed.kubectl(&get)
    };

    let first = system.apply();
    assert_eq!(first["components"].get("tool"), None, "{first:#}");
    assert!(system.plan().is_empty());

    prints("reader", "cat /media/index.html", "{\"ok\": true}");
    assert_ne!(sh("reader", "touch /media/mine").code, Some(0));
    prints(
        "server",
        "stat -c %a /opt/run.sh && /opt/run.sh",
        "755\nran",
    );
    prints("server", "stat -c %a /opt/key", "440");
    prints("server", "cat /run/prepared", "4000");
    prints("server/side", "id -u", "3000");
    assert_ne!(
        sh("server", "head -c 2000000 /dev/zero >/run/large").code,
        Some(0),
        "the volume holds 1Mi"
    );
    let facts = sh("server", "echo $ADDRESS $POD $ID $NODE $MACHINE").out;
    let selector = "-l=app.kubernetes.io/name=server";
    let path = "jsonpath={.items[0].status.podIP} {.items[0].metadata.name} \
                {.items[0].metadata.uid} {.items[0].spec.nodeName} {.items[0].status.hostIP}";
    let pod = ["get", "pods", selector, "-n", &namespace, "-o", path];
    assert_eq!(facts.trim(), system.testbed.kubectl(&pod));
    let class = "spec.template.spec.priorityClassName";
    assert_eq!(
        get("deployment", "server", &format!(".{class}")),
        "system-cluster-critical"
    );
    prints("agent", "test $ADDRESS = $MACHINE && echo same", "same");

    // By its alias, and from outside by the port of the node.
    let answers = |address: &str| {
        let (status, page) = get_within(address, Duration::from_mins(1));
        assert!(status == 200 && page["ok"] == true, "{address}: {page:#}");
    };
    answers(&system.testbed.address(&namespace, "files"));
    let node = facts.split_whitespace().next_back().unwrap();
    let port = get("service", "server-public-tcp", ".spec.ports[0].nodePort");
    answers(&format!("{node}:{port}"));
    assert_eq!(
        get("service", "server-public-udp", ".spec.ports[0].protocol"),
        "UDP"
    );

    // A mount of the machine that appears later is seen where it is declared.
    let later = host.mount("later");
    prints("agent", "cat /host/later/file", "mounted");
    prints("agent/with", "cat /host/later/file", "mounted");
    assert_ne!(sh("agent/without", "ls /host").code, Some(0));
    drop(later);

    let logs = system.run_ok(&[&["logs", "orders"][..], &target].concat());
    let scripts: Vec<_> = logs
        .lines()
        .filter(|line| line.contains("running"))
        .collect();
    assert!(
        scripts.len() == 2 && scripts[0].contains("/docker-entrypoint-initdb.d/10-schema.sql"),
        "{logs}"
    );

    // Components that no apply starts.
    let absent = ["get", "deployment", "tool", "-n", &namespace];
    assert_eq!(system.testbed.try_kubectl(&absent), None);
    let by_hand = |command: &str, component: &str| {
        system.run_ok(&[&[command, component, "--yes"][..], &target].concat())
    };
    let log = by_hand("start", "task");
    assert!(log.contains("| done by hand"), "{log}");
    by_hand("start", "tool");
    assert_eq!(get("deployment", "tool", ".status.readyReplicas"), "1");
    assert!(system.plan().is_empty());
    by_hand("stop", "tool");
    assert_eq!(system.testbed.try_kubectl(&absent), None);

    system.append("kcc.cue", MACHINE);
    let file = system.path("prod.yaml");
    fs::write(&file, system.run_ok(&[&["render"][..], &target].concat())).unwrap();
    system.testbed.kubectl(&[
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "--filename",
        file.to_str().unwrap(),
    ]);
    system.run_ok(&[&["down", "--yes", "--volumes"][..], &target].concat());
}
