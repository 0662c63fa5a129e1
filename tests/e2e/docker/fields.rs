//! Fields that only a running container shows: host paths and their propagation,
//! devices, volumes that two components share and their owners, and the scripts of a
//! database.

use std::sync::Arc;

use kcc_test_engines::{Host as _, HostDirectory, SHELL, System, docker::Testbed};

const FRAGMENT: &str = r#"
volumes: media: size: "1Gi"
services: {
	agent: {
		image:   "kcc-test/shell:1"
		user:    "1000:1000"
		command: ["sh", "-c", "echo hello > /media/hello; exec tail -f /dev/null"]
		devices: nothing: {path: "/dev/null", mount: "/dev/nothing"}
		volumes: {
			media: {mount: "/media", from: "media"}
			host: {mount: "/host", hostPath: "DIRECTORY", propagation: "hostToContainer"}
			own: {mount: "/own", size: "1Gi"}
		}
		init: look: command: ["sh", "-c", "! test -e /host && touch /own/looked"]
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
		rollout: gracePeriod: "1s"
	}
	reader: {
		image:   "kcc-test/shell:1"
		command: ["tail", "-f", "/dev/null"]
		volumes: media: {mount: "/media", from: "media", readOnly: true}
		needs: {
			agent: {}
			orders: {}
		}
		rollout: gracePeriod: "1s"
	}
}
backing: orders: {
	kind: "postgres"
	initScripts: {
		"20-rows.sql": content:   "INSERT INTO t DEFAULT VALUES;"
		"10-schema.sql": content: "CREATE TABLE t ();"
	}
}
grants: host: {
	to: ["services.agent"]
	allow: hostPath: ["DIRECTORY", "/dev/null"]
	reason: "it watches the machine"
}
"#;

pub(crate) fn fields_have_an_effect_in_containers(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "dev", "fields");
    let host = HostDirectory::new();
    let directory = host.path().to_str().unwrap();
    let fragment = FRAGMENT.replace("DIRECTORY", directory);
    system.edit("kcc.cue", "expose: 8080", "expose: true");
    system.append("kcc.cue", &fragment);
    system.stand_in();
    system.testbed.shell_image(SHELL);
    system.comes_up_and_is_stable(|| {});
    let sh = |container: &str, script: &str| {
        let component = container.split('/').next().unwrap();
        let name = container.split('/').next_back().unwrap();
        let exec = ["exec", component, "--target", "dev", "--container", name];
        system.run(&[&exec[..], &["--", "sh", "-c", script]].concat())
    };
    let prints = |container: &str, script: &str, expected: &str| {
        let ran = sh(container, script);
        assert_eq!(ran.out.trim(), expected, "{container}: {script}: {ran:#?}");
    };

    // The image has none of the directories: the volumes belong to the user.
    prints(
        "agent",
        "stat -c %u:%g:%a /own /media",
        "1000:1000:755\n1000:1000:755",
    );
    prints("agent", "ls /own", "looked");
    prints("reader", "cat /media/hello", "hello");
    assert_ne!(sh("reader", "touch /media/mine").code, Some(0));

    // A mount of the machine that appears later is seen where it is declared.
    let later = host.mount("later");
    prints("agent", "cat /host/later/file", "mounted");
    prints("agent/with", "cat /host/later/file", "mounted");
    assert_ne!(sh("agent/without", "ls /host").code, Some(0));
    drop(later);
    prints("agent", "echo x > /dev/nothing && echo written", "written");

    let logs = system.run_ok(&["logs", "orders", "--target", "dev"]);
    let scripts: Vec<_> = logs
        .lines()
        .filter(|line| line.contains("running"))
        .collect();
    let ran = |at: usize, name: &str| {
        let line = format!("running /docker-entrypoint-initdb.d/{name}");
        assert!(scripts[at].contains(&line), "{logs}");
    };
    assert_eq!(scripts.len(), 2, "{logs}");
    ran(0, "10-schema.sql");
    ran(1, "20-rows.sql");
    system.run_ok(&["down", "--target", "dev", "--volumes"]);
}
