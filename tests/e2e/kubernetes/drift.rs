//! Changes by `kubectl` are found, each with its verdict, values, evidence, line and team,
//! and reverted. If the test bed writes an audit log, it proves who made them.

use std::{fs, sync::Arc};

use kcc_test_engines::{
    Host as _, SHELL, System,
    drift::{Change, FRAGMENT, changes_are_found_and_reverted, live_values_are_adopted},
    kubernetes::Testbed,
};
use serde_json::Value;

const CHANGES: &[Change] = &[
    Change {
        name: "scale",
        commands: &["scale deployment web --replicas 3"],
        lines: &["edited deployment/web:spec.replicas 2 → 3, selfDeclared, kcc.cue:27, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "set image",
        commands: &["set image deployment/web web=kcc-test/other:1"],
        lines: &[
            "edited deployment/web:spec.template.spec.containers.web.image \"kcc-test/shell:1\" → \
             \"kcc-test/other:1\", selfDeclared, kcc.cue:7, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "set env",
        commands: &["set env deployment/web LOG=debug"],
        lines: &[
            "edited deployment/web:spec.template.spec.containers.web.env.LOG.value, selfDeclared, \
             kcc.cue:12, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "unset env",
        commands: &["set env deployment/web LOG-"],
        lines: &[
            "edited deployment/web:spec.template.spec.containers.web.env.LOG \
             {\"name\":\"LOG\",\"value\":\"info\"} → null, unknown, kcc.cue:12, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "set resources",
        commands: &["set resources deployment web --limits memory=96Mi"],
        lines: &[
            "edited deployment/web:spec.template.spec.containers.web.resources.limits.memory \
             \"64Mi\" → \"96Mi\", selfDeclared, kcc.cue:13, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "another command",
        commands: &[
            "patch deployment web --type json -p [{\"op\":\"replace\",\"path\":\"/spec/template/spec/containers/0/command\",\"value\":[\"tail\",\"-f\",\"/dev/null\"]}]",
        ],
        lines: &[
            "edited deployment/web:spec.template.spec.containers.web.command, selfDeclared, \
             kcc.cue:8, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "label",
        commands: &["label deployment web kcc.dev/team=mallory --overwrite"],
        lines: &[
            "edited deployment/web:metadata.labels.\"kcc.dev/team\" \"SYSTEM\" → \"mallory\", \
             selfDeclared, kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a removed label",
        commands: &["label deployment web kcc.dev/team-"],
        lines: &[
            "edited deployment/web:metadata.labels.\"kcc.dev/team\" \"SYSTEM\" → null, unknown, \
             kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "rollout pause",
        commands: &["rollout pause deployment web"],
        lines: &["edited deployment/web:spec.paused null → true, selfDeclared, kcc.cue:6, SYSTEM"],
        undo: &["rollout resume deployment web"],
    },
    Change {
        name: "a disruption budget",
        commands: &["patch pdb web --type merge -p {\"spec\":{\"maxUnavailable\":2}}"],
        lines: &[
            "edited poddisruptionbudget/web:spec.maxUnavailable 1 → 2, selfDeclared, kcc.cue:6, \
             SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "an opened policy",
        commands: &["patch networkpolicy cart --type merge -p {\"spec\":{\"ingress\":[{}]}}"],
        lines: &[
            "edited networkpolicy/cart:spec.ingress … → [{}], selfDeclared, kcc.cue:21, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a port of a service",
        commands: &[
            "patch service web --type json -p [{\"op\":\"replace\",\"path\":\"/spec/ports/0/targetPort\",\"value\":9090}]",
        ],
        lines: &[
            "edited service/web:spec.ports.http.targetPort 8080 → 9090, selfDeclared, kcc.cue:9, \
             SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a host of an ingress",
        commands: &[
            "patch ingress web --type json -p [{\"op\":\"replace\",\"path\":\"/spec/rules/0/host\",\"value\":\"evil.example.com\"}]",
        ],
        lines: &["edited ingress/web:spec.rules … selfDeclared, kcc.cue:28, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "a service account",
        commands: &["patch serviceaccount web -p {\"automountServiceAccountToken\":true}"],
        lines: &[
            "edited serviceaccount/web:automountServiceAccountToken false → true, selfDeclared, \
             kcc.cue:6, SYSTEM",
        ],
        undo: &[],
    },
    Change {
        name: "a deleted deployment",
        commands: &["delete deployment cart"],
        lines: &["deleted deployment/cart, unknown, kcc.cue:18, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "a deleted service",
        commands: &["delete service web"],
        lines: &["deleted service/web, unknown, kcc.cue:6, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "a deleted policy",
        commands: &["delete networkpolicy cart"],
        lines: &["deleted networkpolicy/cart, unknown, kcc.cue:18, SYSTEM"],
        undo: &[],
    },
    Change {
        name: "another service of the same name",
        commands: &[
            "delete service web",
            "create service clusterip web --tcp=80",
        ],
        lines: &["recreated service/web, selfDeclared, kcc.cue:6, SYSTEM"],
        undo: &["delete service web"],
    },
    Change {
        name: "copied labels",
        commands: &[
            "create configmap copy --from-literal=a=1",
            "label configmap copy app.kubernetes.io/managed-by=kcc app.kubernetes.io/part-of=SYSTEM app.kubernetes.io/instance=prod",
        ],
        lines: &["added configmap/copy, selfDeclared, -, -"],
        undo: &["delete configmap copy"],
    },
    Change {
        name: "rollout restart",
        commands: &["rollout restart deployment web"],
        lines: &[],
        undo: &[],
    },
    Change {
        name: "a variable that kcc does not set",
        commands: &["set env deployment/web STRAY=1"],
        lines: &[],
        undo: &["set env deployment/web STRAY-"],
    },
    Change {
        name: "a label that kcc does not set",
        commands: &["label deployment web other.example.com/x=1"],
        lines: &[],
        undo: &["label deployment web other.example.com/x-"],
    },
    Change {
        name: "the same quantity in another form",
        commands: &["set resources deployment web --limits memory=65536Ki"],
        lines: &[],
        undo: &[],
    },
    Change {
        name: "deleted pods",
        commands: &["delete pods --all --wait=false"],
        lines: &[],
        undo: &[],
    },
    Change {
        name: "a change that was undone",
        commands: &[
            "scale deployment web --replicas 3",
            "scale deployment web --replicas 2",
        ],
        lines: &[],
        undo: &[],
    },
];

pub(crate) fn changes_are_found(testbed: Arc<Testbed>) {
    let system = System::of(testbed, "hello", "prod", "drift");
    let name = system.name.clone();
    let fragment = FRAGMENT.replace(
        "system: name: \"hello\"",
        &format!("system: {{name: {name:?}, targets: prod: kubernetes: namespace: {name:?}}}"),
    );
    fs::write(system.path("kcc.cue"), fragment).unwrap();
    system.testbed.shell_image(SHELL);
    system.testbed.shell_image("kcc-test/other:1");
    system.apply();
    let named = |text: &str| text.replace("SYSTEM", &name);
    let kubectl = |command: &str| {
        let command = format!("-n {name} {}", named(command));
        let words: Vec<&str> = command.split(' ').collect();
        system.testbed.kubectl(&words);
    };
    changes_are_found_and_reverted(&system, CHANGES, &[], kubectl, named);
    let scale = || kubectl("scale deployment web --replicas 3");
    let limit = || kubectl("set resources deployment web --limits memory=96Mi");
    let lines = [
        ["replicas: 2", "replicas: 3"],
        ["memory: \"64Mi\"", "memory: \"96Mi\""],
    ];
    let change = || {
        scale();
        limit();
    };
    live_values_are_adopted(&system, change, &lines);
    the_audit_log_proves_who(&system);
}

/// Checks that the log of the API server names the account, and the request.
fn the_audit_log_proves_who(system: &System<Testbed>) {
    let log = system.testbed.audit_log();
    if !log.exists() {
        return;
    }
    let name = &system.name;
    let kubectl = |args: &[&str]| system.testbed.kubectl(&[&["-n", name][..], args].concat());
    kubectl(&["scale", "deployment", "web", "--replicas", "4"]);
    kubectl(&[
        "--as",
        "alice",
        "--as-group",
        "system:masters",
        "set",
        "env",
        "deployment/web",
        "LOG-",
    ]);
    kubectl(&["delete", "networkpolicy", "cart"]);
    let log = log.to_str().unwrap();
    let args = [
        "drift", "--target", "prod", "--settle", "0s", "--format", "json",
    ];
    let out = system.run_ok(&[&args[..], &["--audit", log]].concat());
    let document: Value = serde_json::from_str(&out).unwrap();
    let found = document["deviations"].as_array().unwrap().iter();
    let mut who: Vec<_> = found
        .map(|found| {
            let evidence = &found["evidence"];
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            [
                &evidence["grade"],
                &evidence["action"],
                &evidence["user"],
                &found["path"],
            ]
            .map(text)
            .join(" ")
        })
        .collect();
    who.sort();
    assert_eq!(
        who,
        [
            "proved delete admin networkpolicy/cart",
            "proved patch admin as alice \
             deployment/web:spec.template.spec.containers.web.env.LOG",
            "proved patch admin deployment/web:spec.replicas",
        ],
        "{out}"
    );
    system.run_ok(&[
        "drift", "--target", "prod", "--settle", "0s", "--revert", "--yes",
    ]);
}
