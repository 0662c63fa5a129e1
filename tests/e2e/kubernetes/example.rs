//! Every example: the API server takes what is rendered of it, with strict
//! validation. And every one but the shop, which has cases of its own: it comes
//! up, a second apply does nothing, and it goes. Its images are stand-ins, which
//! tell whether they reach what they need.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    bed::Bed,
    shop::{Ran, copy, get, report},
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
        let copy = Copy::of(self, bed);
        for target in self.targets {
            copy.dry_run(target);
        }
        if let Some(target) = self.applied {
            copy.comes_up_stays_and_goes(target);
        }
    }
}

/// An example in a scratch folder, under a name and in namespaces of its own.
struct Copy {
    bed: Arc<Bed>,
    folder: tempfile::TempDir,
    /// The namespaces of its targets.
    namespaces: BTreeMap<&'static str, String>,
}

impl Copy {
    fn of(example: &Example, bed: Arc<Bed>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("examples").join(example.folder), folder.path());
        let mut copy = Self {
            bed,
            folder,
            namespaces: BTreeMap::new(),
        };
        let name = format!("e2e{}-{}", std::process::id(), example.folder);
        let old = copy.model(example.targets[0])["system"].clone();
        copy.edit("name", old.as_str().unwrap(), &name);
        for target in example.targets {
            let of = |copy: &Self| {
                let engine = &copy.model(target)["engine"]["kubernetes"];
                engine["namespace"].as_str().unwrap().to_owned()
            };
            let own = format!("{name}-{target}");
            if of(&copy) != own {
                copy.edit("namespace", &of(&copy), &own);
            }
            assert_eq!(of(&copy), own);
            copy.namespaces.insert(target, own);
        }
        copy
    }

    /// Replaces a text in `kcc.cue` that stands there once.
    fn edit(&self, field: &str, from: &str, to: &str) {
        let path = self.folder.path().join("kcc.cue");
        let text = fs::read_to_string(&path).unwrap();
        let from = format!("{field}: {from:?}");
        let at: Vec<_> = text.match_indices(&from).collect();
        assert_eq!(at.len(), 1, "`{from}` in {text}");
        fs::write(path, text.replace(&from, &format!("{field}: {to:?}"))).unwrap();
    }

    /// Runs kcc, which has to go well; gives its stdout.
    fn kcc(&self, args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_kcc"))
            .args(args)
            .current_dir(self.folder.path())
            .env("KUBECONFIG", self.bed.kubeconfig())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:#?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn model(&self, target: &str) -> Value {
        serde_json::from_str(&self.kcc(&["model", "--target", target])).unwrap()
    }

    /// The API server takes the render as it is: every field is known and valid.
    fn dry_run(&self, target: &str) {
        let file = self.folder.path().join(format!("{target}.yaml"));
        fs::write(&file, self.kcc(&["render", "--target", target])).unwrap();
        let namespace = &self.namespaces[target];
        self.bed.kubectl(&["create", "namespace", namespace]);
        let taken = self.bed.kubectl(&[
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "--filename",
            &file.display().to_string(),
        ]);
        self.bed.kubectl(&["delete", "namespace", namespace]);
        assert!(!taken.is_empty(), "{target}");
        for line in taken.lines() {
            assert!(
                line.ends_with("serverside-applied (server dry run)"),
                "{taken}"
            );
        }
    }

    fn apply(&self, target: &str) -> Value {
        let args = ["apply", "--target", target, "--yes", "--format", "json"];
        report(&Ran {
            code: Some(0),
            out: self.kcc(&args),
            err: String::new(),
        })
    }

    fn comes_up_stays_and_goes(&self, target: &str) {
        let namespace = &self.namespaces[target];
        let text = self.kcc(&["model", "--target", target]);
        let path = self.folder.path().join("model.json");
        fs::write(&path, &text).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.bed.import(
            Command::new(root.join("tests/testbed/standin/images"))
                .stdin(fs::File::open(&path).unwrap()),
        );
        let model: Value = serde_json::from_str(&text).unwrap();
        let components = model["components"].as_object().unwrap();

        let first = self.apply(target);
        for component in components.keys() {
            let outcome = &first["components"][component]["outcome"];
            assert_eq!(outcome, "created", "{component}: {first:#}");
        }
        for (component, said) in components {
            if said["ports"].get("http").is_some() {
                self.answers(namespace, component);
            }
        }
        let second = self.apply(target);
        assert_eq!(second["mutatingCalls"], 0, "{second:#}");
        assert_eq!(second["planned"], 0, "{second:#}");
        let down = ["down", "--target", target, "--yes", "--volumes"];
        self.kcc(&down);
        let kinds = "deployments,statefulsets,daemonsets,jobs,cronjobs,services,configmaps,\
                     secrets,persistentvolumeclaims,ingresses,networkpolicies,\
                     horizontalpodautoscalers,poddisruptionbudgets";
        let mine = ["-l", "app.kubernetes.io/managed-by=kcc", "-o", "name"];
        let get = [&["get", kinds, "-n", namespace][..], &mine].concat();
        assert_eq!(self.bed.kubectl(&get), "");
    }

    /// Its Service answers, and what answers reaches all that it needs. The
    /// node's rules follow the pods with a delay.
    fn answers(&self, namespace: &str, component: &str) {
        let path = "jsonpath={.spec.clusterIP}";
        let service = ["get", "service", component, "-n", namespace, "-o", path];
        let address = self.bed.kubectl(&service);
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            match get(&address) {
                Ok((200, page)) if page["ok"] == true => break,
                answer if Instant::now() > end => panic!("{component}: {answer:?}"),
                _ => std::thread::sleep(Duration::from_millis(300)),
            }
        }
    }

    /// Keeps what explains a failure, where `KCC_E2E_ARTIFACTS` names a folder.
    fn keep(&self) {
        let Some(folder) = std::env::var_os("KCC_E2E_ARTIFACTS") else {
            return;
        };
        for namespace in self.namespaces.values() {
            let folder = Path::new(&folder).join(namespace);
            let _ = fs::create_dir_all(&folder);
            let files: [(&str, &[&str]); 2] = [
                ("pods.txt", &["describe", "pods"]),
                ("events.txt", &["get", "events", "--sort-by=.lastTimestamp"]),
            ];
            for (name, args) in files {
                let args = [&["-n", namespace.as_str()], args].concat();
                let text = self.bed.try_kubectl(&args).unwrap_or_default();
                let _ = fs::write(folder.join(name), text);
            }
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        for namespace in self.namespaces.values() {
            let delete = ["delete", "namespace", namespace, "--ignore-not-found"];
            self.bed.try_kubectl(&delete);
        }
    }
}
