//! Every example: the API server takes what is rendered of it, with strict
//! validation. And every one but the shop, which has cases of its own: it comes
//! up, a second apply does nothing, and it goes. Its images are stand-ins, which
//! tell whether they reach what they need.

use std::{collections::BTreeMap, fs, ops::Deref, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    bed::Bed,
    support::{Copy, System, http::get_within},
};

/// An example.
pub(crate) struct Example {
    folder: &'static str,
    /// Targets on Kubernetes.
    targets: &'static [&'static str],
    /// The target that is applied: it needs nothing from outside.
    applied: Option<&'static str>,
}

/// The examples.
pub(crate) const ALL: &[Example] = &[
    Example {
        folder: "hello",
        targets: &["stage", "prod"],
        applied: Some("prod"),
    },
    Example {
        folder: "voting",
        targets: &["stage", "prod"],
        applied: Some("stage"),
    },
    Example {
        folder: "boutique",
        targets: &["stage", "prod"],
        applied: Some("prod"),
    },
    Example {
        folder: "platform",
        targets: &["prod"],
        applied: Some("prod"),
    },
    Example {
        folder: "shop",
        targets: &["stage", "prod"],
        applied: None,
    },
];

impl Example {
    pub(crate) fn case(&self) -> String {
        format!("{}_is_taken_by_the_cluster", self.folder)
    }

    pub(crate) fn is_taken_by_the_cluster(&self, bed: Arc<Bed>) {
        let system = Apart::of(self, bed);
        for target in self.targets {
            system.dry_run(target);
        }
        if let Some(target) = self.applied {
            system.comes_up_stays_and_goes(target);
        }
    }
}

/// A copy of an example in namespaces of its own.
struct Apart {
    system: System<Bed>,
    /// The namespaces of its targets.
    namespaces: BTreeMap<&'static str, String>,
}

impl Apart {
    fn of(example: &Example, bed: Arc<Bed>) -> Self {
        let applied = example.applied.unwrap_or(example.targets[0]);
        let mut system = System::of(bed, example.folder, applied, example.folder);
        let namespace = |system: &Copy, target: &str| {
            let model = system.done(&["model", "--target", target]);
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
        system.places = namespaces.values().cloned().collect();
        Self { system, namespaces }
    }

    /// Makes a namespace that takes restricted pods alone.
    fn restricted(&self, namespace: &str) {
        self.bed.kubectl(&["create", "namespace", namespace]);
        let rule = |mode: &str| format!("pod-security.kubernetes.io/{mode}=restricted");
        let rules = [&rule("enforce")[..], &rule("warn")];
        self.bed
            .kubectl(&[&["label", "namespace", namespace][..], &rules].concat());
    }

    /// The API server takes the render as it is: every field is known and valid,
    /// and no pod asks for more than the restricted Pod Security Standard grants.
    fn dry_run(&self, target: &str) {
        let file = self.path(&format!("{target}.yaml"));
        fs::write(&file, self.done(&["render", "--target", target])).unwrap();
        let namespace = &self.namespaces[target];
        self.restricted(namespace);
        let apply = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            // A workload whose pods would be refused is taken with a warning.
            "--warnings-as-errors",
            "--filename",
            &file.display().to_string(),
        ];
        let taken = self.bed.kubectl(&apply);
        self.bed.kubectl(&["delete", "namespace", namespace]);
        assert!(!taken.is_empty(), "{target}");
        for line in taken.lines() {
            assert!(
                line.ends_with("serverside-applied (server dry run)"),
                "{taken}"
            );
        }
    }

    fn comes_up_stays_and_goes(&self, target: &str) {
        let namespace = &self.namespaces[target];
        let model = self.model();
        self.stand_in();
        self.restricted(namespace);
        self.comes_up_and_stays(|| {
            for (component, said) in model["components"].as_object().unwrap() {
                if said["ports"].get("http").is_some() {
                    self.answers(namespace, component);
                }
            }
        });
        let down = ["down", "--target", target, "--yes", "--volumes"];
        self.done(&down);
        let kinds = "deployments,statefulsets,daemonsets,jobs,cronjobs,services,configmaps,\
                     secrets,persistentvolumeclaims,ingresses,networkpolicies,\
                     horizontalpodautoscalers,poddisruptionbudgets";
        let mine = ["-l", "app.kubernetes.io/managed-by=kcc", "-o", "name"];
        let get = [&["get", kinds, "-n", namespace][..], &mine].concat();
        assert_eq!(self.bed.kubectl(&get), "");
    }

    /// Its Service answers, and what answers reaches all that it needs.
    fn answers(&self, namespace: &str, component: &str) {
        let address = self.bed.address(namespace, component);
        let (status, page) = get_within(&address, Duration::from_mins(1));
        assert!(status == 200 && page["ok"] == true, "{component}: {page:#}");
    }
}

impl Deref for Apart {
    type Target = System<Bed>;

    fn deref(&self) -> &System<Bed> {
        &self.system
    }
}
