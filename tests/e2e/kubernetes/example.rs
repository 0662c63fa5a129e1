//! The API server accepts the rendered files of every example with strict
//! validation. Every example except the shop, which has cases of its own, comes up,
//! is unchanged by a second apply and is taken down. The images are stand-ins that
//! report if they reach what they need.

use std::{collections::BTreeMap, fs, ops::Deref, sync::Arc, time::Duration};

use kcc_test_engines::{ExampleCopy, System, get_within, kubernetes::Testbed};
use serde_json::Value;

/// An example.
pub(crate) struct Example {
    name: &'static str,
    /// The targets on Kubernetes.
    targets: &'static [&'static str],
    /// The target that is applied; it needs nothing from outside but these secrets, of
    /// the keys of existing Secrets.
    applied: Option<&'static str>,
    secrets: &'static [(&'static str, &'static str)],
    /// Changes that suit the testbed: the file, the text and its replacement.
    edits: &'static [[&'static str; 3]],
}

/// The examples.
pub(crate) const ALL: &[Example] = &[
    Example {
        name: "hello",
        targets: &["stage", "prod"],
        applied: Some("prod"),
        secrets: &[],
        edits: &[],
    },
    Example {
        name: "voting",
        targets: &["stage", "prod"],
        applied: Some("stage"),
        secrets: &[],
        edits: &[],
    },
    Example {
        name: "boutique",
        targets: &["stage", "prod"],
        applied: Some("prod"),
        secrets: &[],
        edits: &[],
    },
    Example {
        name: "platform",
        targets: &["prod"],
        applied: Some("prod"),
        secrets: &[],
        edits: &[],
    },
    Example {
        name: "immich",
        targets: &["prod"],
        applied: Some("prod"),
        secrets: &[("database", "password"), ("backup", "password")],
        edits: &[
            ["photos.cue", "size: \"500Gi\"", "size: \"5Gi\""],
            ["database.cue", "size: \"20Gi\"", "size: \"5Gi\""],
        ],
    },
    Example {
        name: "shop",
        targets: &["stage", "prod"],
        applied: None,
        secrets: &[],
        edits: &[],
    },
];

impl Example {
    pub(crate) fn case(&self) -> String {
        format!("{}_is_accepted_by_the_cluster", self.name)
    }

    pub(crate) fn is_accepted_by_the_cluster(&self, testbed: Arc<Testbed>) {
        let system = IsolatedExample::of(self, testbed);
        for [file, from, to] in self.edits {
            system.edit(file, from, to);
        }
        for target in self.targets {
            system.dry_run(target);
        }
        if let Some(target) = self.applied {
            system.comes_up_and_is_removed(target, self.secrets);
        }
    }
}

/// A copy of an example in namespaces of its own.
struct IsolatedExample {
    system: System<Testbed>,
    /// The namespaces of its targets.
    namespaces: BTreeMap<&'static str, String>,
}

impl IsolatedExample {
    fn of(example: &Example, testbed: Arc<Testbed>) -> Self {
        let applied = example.applied.unwrap_or(example.targets[0]);
        let mut system = System::of(testbed, example.name, applied, example.name);
        let namespace = |system: &ExampleCopy, target: &str| {
            let model = system.run_ok(&["model", "--target", target]);
            let model: Value = serde_json::from_str(&model).unwrap();
            let namespace = &model["engine"]["kubernetes"]["namespace"];
            namespace.as_str().unwrap().to_owned()
        };
        let mut namespaces = BTreeMap::new();
        for target in example.targets {
            let (old, own) = (
                namespace(&system, target),
                format!("{}-{target}", system.name),
            );
            if old != own {
                let field = |name: &str| format!("namespace: {name:?}");
                system.edit("kcc.cue", &field(&old), &field(&own));
            }
            assert_eq!(namespace(&system, target), own);
            namespaces.insert(*target, own);
        }
        system.sites = namespaces.values().cloned().collect();
        Self { system, namespaces }
    }

    /// Creates a namespace that only accepts restricted pods.
    fn restricted(&self, namespace: &str) {
        self.testbed.kubectl(&["create", "namespace", namespace]);
        let rule = |mode: &str| format!("pod-security.kubernetes.io/{mode}=restricted");
        let rules = [&rule("enforce")[..], &rule("warn")];
        self.testbed
            .kubectl(&[&["label", "namespace", namespace][..], &rules].concat());
    }

    /// Checks that the API server accepts the rendered files: every field is known
    /// and valid, and no pod exceeds the restricted Pod Security Standard.
    fn dry_run(&self, target: &str) {
        let file = self.path(&format!("{target}.yaml"));
        fs::write(&file, self.run_ok(&["render", "--target", target])).unwrap();
        let namespace = &self.namespaces[target];
        self.restricted(namespace);
        let apply = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            // A workload whose pods would be refused only causes a warning.
            "--warnings-as-errors",
            "--filename",
            &file.display().to_string(),
        ];
        let taken = self.testbed.kubectl(&apply);
        self.testbed.kubectl(&["delete", "namespace", namespace]);
        assert!(!taken.is_empty(), "{target}");
        for line in taken.lines() {
            assert!(
                line.ends_with("serverside-applied (server dry run)"),
                "{taken}"
            );
        }
    }

    fn comes_up_and_is_removed(&self, target: &str, secrets: &[(&str, &str)]) {
        let namespace = &self.namespaces[target];
        let model = self.model();
        self.stand_in();
        self.restricted(namespace);
        for (secret, key) in secrets {
            let value = format!("--from-literal={key}=p@ss");
            let create = ["create", "secret", "generic", secret, &value];
            let within = ["--namespace", namespace];
            self.testbed.kubectl(&[&create[..], &within].concat());
        }
        self.comes_up_and_is_stable(|| {
            for (component, declared) in model["components"].as_object().unwrap() {
                if declared["ports"].get("http").is_some() {
                    self.answers(namespace, component);
                }
            }
        });
        let down = ["down", "--target", target, "--yes", "--volumes"];
        self.run_ok(&down);
        let kinds = "deployments,statefulsets,daemonsets,jobs,cronjobs,services,configmaps,\
                     secrets,persistentvolumeclaims,ingresses,networkpolicies,\
                     horizontalpodautoscalers,poddisruptionbudgets";
        let mine = ["-l", "app.kubernetes.io/managed-by=kcc", "-o", "name"];
        let get = [&["get", kinds, "-n", namespace][..], &mine].concat();
        assert_eq!(self.testbed.kubectl(&get), "");
    }

    /// Checks that its Service answers and reaches everything it needs.
    fn answers(&self, namespace: &str, component: &str) {
        let address = self.testbed.address(namespace, component);
        let (status, page) = get_within(&address, Duration::from_mins(1));
        assert!(status == 200 && page["ok"] == true, "{component}: {page:#}");
    }
}

impl Deref for IsolatedExample {
    type Target = System<Testbed>;

    fn deref(&self) -> &System<Testbed> {
        &self.system
    }
}
