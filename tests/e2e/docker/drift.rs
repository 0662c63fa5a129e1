//! Changes by `docker` are found, each with its verdict, values, evidence, line and team,
//! and reverted.

use std::{fs, sync::Arc};

use kcc_test_engines::{
    Host as _, SHELL, System,
    docker::Testbed,
    drift::{Change, FRAGMENT, changes_are_found_and_reverted, live_values_are_adopted},
};

const CHANGES: &[Change] = &[
    Change {
        name: "another memory limit",
        commands: &["update --memory 48m --memory-swap 48m SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:memory 67108864 → 50331648, proved, kcc.cue:13, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "another processor limit",
        commands: &["update --cpus 0.5 SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:HostConfig.NanoCpus null → 500000000, proved, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "another weight",
        commands: &["update --cpu-shares 512 SYSTEM-dev-web"],
        lines: &["edited container/SYSTEM-dev-web:cpuShares null → 512, proved, kcc.cue:6, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "another restart policy",
        commands: &["update --restart no SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:restart \"unlessStopped\" → \"no\", proved, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a process limit",
        commands: &["update --pids-limit 100 SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:HostConfig.PidsLimit null → 100, proved, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a lost network",
        commands: &["network disconnect SYSTEM-dev-cart SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:networks.\"SYSTEM-dev-cart\" [] → null, proved, kcc.cue:11, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "another network",
        commands: &["network connect bridge SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:networks.bridge null → [], proved, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a paused container",
        commands: &["pause SYSTEM-dev-web"],
        lines: &[
            "edited container/SYSTEM-dev-web:state \"running\" → \"paused\", proved, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a killed container",
        commands: &["kill SYSTEM-dev-web"],
        lines: &[
            "decayed container/SYSTEM-dev-web:state \"running\" → \"exited (137)\", proved, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a removed container",
        commands: &["rm -f SYSTEM-dev-web"],
        lines: &["deleted container/SYSTEM-dev-web, proved, kcc.cue:6, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "a renamed container",
        commands: &["rename SYSTEM-dev-web SYSTEM-old"],
        lines: &[
            "edited container/SYSTEM-dev-web:name \"SYSTEM-dev-web\" → \"SYSTEM-old\", proved, kcc.cue:6, SYSTEM",
        ],
        undo: &["rename SYSTEM-old SYSTEM-dev-web"],
    },
    Change {
        name: "another container of the same name",
        commands: &[
            "rm -f SYSTEM-dev-web",
            "run -d --name SYSTEM-dev-web kcc-test/shell:1 httpd -f -p 8080",
        ],
        lines: &["recreated container/SYSTEM-dev-web, proved, kcc.cue:6, SYSTEM"],
        undo: &["rm -f SYSTEM-dev-web"],
    },
    Change {
        name: "a foreign container on a network",
        commands: &[
            "run -d --name SYSTEM-probe --network SYSTEM-dev-cart kcc-test/shell:1 httpd -f -p 8080",
        ],
        lines: &["added container/SYSTEM-probe:networks.SYSTEM-dev-cart null → [], proved, -, -"],
        undo: &["rm -f SYSTEM-probe"],
    },
    Change {
        name: "two changes at once",
        commands: &[
            "update --memory 48m --memory-swap 48m SYSTEM-dev-web",
            "pause SYSTEM-dev-cart",
        ],
        lines: &[
            "edited container/SYSTEM-dev-web:memory 67108864 → 50331648, proved, kcc.cue:13, SYSTEM",
            "edited container/SYSTEM-dev-cart:state \"running\" → \"paused\", proved, kcc.cue:18, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a restart",
        commands: &["restart -t 0 SYSTEM-dev-web"],
        lines: &[],
        undo: &[],
    },
    Change {
        name: "a pause that is over",
        commands: &["pause SYSTEM-dev-web", "unpause SYSTEM-dev-web"],
        lines: &[],
        undo: &[],
    },
    Change {
        name: "an update back to the applied value",
        commands: &[
            "update --memory 48m --memory-swap 48m SYSTEM-dev-web",
            "update --memory 64m --memory-swap 64m SYSTEM-dev-web",
        ],
        lines: &[],
        undo: &[],
    },
    Change {
        name: "a foreign container elsewhere",
        commands: &["run -d --name SYSTEM-other kcc-test/shell:1 httpd -f -p 8080"],
        lines: &[],
        undo: &["rm -f SYSTEM-other"],
    },
];

pub(crate) fn changes_are_found(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "dev", "drift");
    let fragment = FRAGMENT.replace("name: \"hello\"", &format!("name: {:?}", system.name));
    fs::write(system.path("kcc.cue"), fragment).unwrap();
    system.testbed.shell_image(SHELL);
    system.apply();
    let named = |text: &str| text.replace("SYSTEM", &system.name);
    let docker = |command: &str| {
        let command = named(command);
        let words: Vec<&str> = command.split(' ').collect();
        system.testbed.docker(&words);
    };
    changes_are_found_and_reverted(&system, CHANGES, &[], docker, named);
    let web = format!("{}-dev-web", system.name);
    let update = ["update", "--memory", "48m", "--memory-swap", "48m", &web];
    let lines = [["memory: \"64Mi\"", "memory: \"48Mi\""]];
    live_values_are_adopted(&system, || _ = system.testbed.docker(&update), &lines);
    an_image_that_moved_is_not_reverted(&system);
    the_formats_name_the_codes(&system);
}

fn an_image_that_moved_is_not_reverted(system: &System<Testbed>) {
    let docker = |args: &[&str]| system.testbed.docker(args);
    let id = docker(&["inspect", "-f", "{{.Id}}", "kcc-test/shell:1"]);
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("Dockerfile");
    fs::write(&file, "FROM kcc-test/shell:1\nLABEL other=1\n").unwrap();
    let directory = other.path().to_str().unwrap();
    docker(&["build", "-q", "-t", "kcc-test/shell:moved", directory]);
    docker(&["tag", "kcc-test/shell:moved", "kcc-test/shell:1"]);
    let args = ["drift", "web", "--target", "dev", "--settle", "0s"];
    let ran = system.run(&[&args[..], &["--format", "sarif"]].concat());
    assert!(ran.out.contains("kcc::drift::image-moved"), "{ran:#?}");
    let reverted = system.run(&[&args[..], &["--revert"]].concat());
    assert_eq!(reverted.code, Some(3), "{reverted:#?}");
    docker(&["tag", id.trim(), "kcc-test/shell:1"]);
    system.run_ok(&[&args[..], &["--exit-code"]].concat());
}

/// Each code is that of its verdict, in every format.
fn the_formats_name_the_codes(system: &System<Testbed>) {
    let name = &system.name;
    let (web, cart) = (format!("{name}-dev-web"), format!("{name}-dev-cart"));
    let probe = format!("{name}-probe");
    let docker = |args: &[&str]| system.testbed.docker(args);
    docker(&["update", "--cpu-shares", "512", &cart]);
    docker(&["rm", "-f", &web]);
    let run = ["run", "-d", "--name", &probe, "--network", &cart];
    docker(&[&run[..], &[SHELL, "httpd", "-f", "-p", "8080"]].concat());
    let args = ["drift", "--target", "dev", "--settle", "0s"];
    for format in ["github", "sarif"] {
        let ran = system.run(&[&args[..], &["--format", format]].concat());
        let text = ran.out.replace("%3A", ":");
        for code in [
            "kcc::drift::edited",
            "kcc::drift::deleted",
            "kcc::drift::added",
        ] {
            assert!(text.contains(code), "{format}: {code}: {ran:#?}");
        }
    }
    let ran = system.run(&args);
    for text in [
        "3 deviations",
        "who did it is not recorded",
        "container destroy",
    ] {
        assert!(ran.out.contains(text), "{text}: {ran:#?}");
    }
    docker(&[
        "run", "-d", "--name", &web, SHELL, "httpd", "-f", "-p", "8080",
    ]);
    docker(&["kill", &cart]);
    let ran = system.run(&[&args[..], &["--format", "sarif"]].concat());
    for code in ["kcc::drift::recreated", "kcc::drift::decayed"] {
        assert!(ran.out.contains(code), "{code}: {ran:#?}");
    }
    docker(&["rm", "-f", &web, &probe]);
    system.apply();
    system.edit("kcc.cue", "env: LOG: \"info\"", "args: [\"-nonsense\"]");
    let failed = system.run(&["apply", "--target", "dev", "--timeout", "5s"]);
    assert_eq!(failed.code, Some(4), "{failed:#?}");
    let ran = system.run(&[&args[..], &["--format", "sarif"]].concat());
    assert!(ran.out.contains("kcc::drift::unfinished"), "{ran:#?}");
    for unknown in [&["drift", "wbe"][..], &["drift", "--team", "nobody"]] {
        let ran = system.run(&[unknown, &["--target", "dev"]].concat());
        assert_eq!(ran.code, Some(2), "{ran:#?}");
    }
}
