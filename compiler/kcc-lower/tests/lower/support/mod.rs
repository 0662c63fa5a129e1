//! Hand-written models, and external programs that read rendered files.

mod components;
pub(crate) mod shop;

pub(crate) use components::*;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use kcc_diag::{Diagnostics, Files};
use kcc_lower::{
    Desired, EngineDesired, Lowered, docker::DockerDesired, kubernetes::KubernetesDesired,
};
use kcc_model::{
    CheckedModel, Component, EngineTarget, Secret, SecretProvider, SystemModel, TargetModel, Team,
};
use kcc_test_support::tree::{child, node, tree};
use kcc_tree::{ConfigTree, Path, Value};
use serde_json::json;

/// The name of the only target.
pub(crate) const TARGET: &str = "dev";

/// Builds a tree of the components' names without origins, since the models here
/// have no fragments.
pub(crate) fn names(model: &SystemModel) -> ConfigTree {
    let empty = || node(&json!({}), None);
    let root = |target: &TargetModel| {
        let mut root = empty();
        for component in target.components.values() {
            let needs = component.needs.keys();
            let needs = needs.map(|need| component.path.join("needs").join(need));
            for path in needs.chain([component.path.clone()]) {
                let names = path.0.iter();
                let leaf = names.fold(&mut root, |node, name| child(node, name));
                if leaf.value == Value::Absent {
                    *leaf = empty();
                }
            }
        }
        root
    };
    let targets = model.targets.iter();
    let targets = targets.map(|(name, one)| (name.clone(), root(one)));
    tree(Files::new(), empty(), targets.collect())
}

/// A system `shop` with one target.
pub(crate) struct System(SystemModel);

impl System {
    pub(crate) fn on(engine: EngineTarget) -> Self {
        let target = TargetModel {
            target: TARGET.to_owned(),
            engine,
            pin_images: false,
            parity_accept: BTreeMap::new(),
            components: BTreeMap::new(),
            secrets: BTreeMap::new(),
            configs: BTreeMap::new(),
            volumes: BTreeMap::new(),
            objects: BTreeMap::new(),
            patches: BTreeMap::new(),
            docker_patches: BTreeMap::new(),
            grants: BTreeMap::new(),
        };
        let team = Team {
            path: String::new(),
            owners: Vec::new(),
            owns: Vec::new(),
            governs: Vec::new(),
        };
        Self(SystemModel {
            name: "shop".to_owned(),
            teams: BTreeMap::from([("shop".to_owned(), team)]),
            targets: BTreeMap::from([(TARGET.to_owned(), target)]),
            archive: None,
            images: BTreeMap::new(),
        })
    }

    pub(crate) fn docker() -> Self {
        Self::on(EngineTarget::Docker {})
    }

    pub(crate) fn kubernetes() -> Self {
        Self::on(EngineTarget::Kubernetes {
            context: None,
            namespace: "shop-dev".to_owned(),
            ingress_class: None,
            gateway: None,
            gateway_class: None,
            public_ports: kcc_model::PublicPorts::default(),
            gpu: "nvidia.com/gpu".to_owned(),
        })
    }

    pub(crate) fn target(&mut self) -> &mut TargetModel {
        self.0.targets.get_mut(TARGET).expect("the target")
    }

    pub(crate) fn with(mut self, component: Component) -> Self {
        self.target()
            .components
            .insert(component.name.clone(), component);
        self
    }

    pub(crate) fn secret(mut self, name: &str, provider: SecretProvider) -> Self {
        let secret = Secret {
            name: name.to_owned(),
            team: "shop".to_owned(),
            path: Path::of(["secrets", name]),
            provider,
        };
        self.target().secrets.insert(name.to_owned(), secret);
        self
    }

    pub(crate) fn config(mut self, name: &str, data: &[(&str, &str)]) -> Self {
        let config = kcc_model::Config {
            name: name.to_owned(),
            team: "shop".to_owned(),
            data: data
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        };
        self.target().configs.insert(name.to_owned(), config);
        self
    }

    pub(crate) fn accept(mut self, path: &str, reason: &str) -> Self {
        self.target()
            .parity_accept
            .insert(path.to_owned(), reason.to_owned());
        self
    }

    /// Checks and lowers the system.
    pub(crate) fn lower(self) -> Result<Lowered, Diagnostics> {
        self.lower_scope(None, &[])
    }

    /// Lowers an instance of the target; panics on errors.
    pub(crate) fn instance(self, name: &str) -> Desired {
        self.instance_sharing(name, &[])
    }

    /// Lowers an instance of the target that shares components with it; panics on errors.
    pub(crate) fn instance_sharing(self, name: &str, shared: &[&str]) -> Desired {
        self.lower_scope(Some(name), shared)
            .unwrap_or_else(|found| panic!("{:#?}", messages(&found)))
            .desired
    }

    /// Returns the errors of an instance that shares components with its target.
    pub(crate) fn sharing_errors(self, shared: &[&str]) -> Vec<String> {
        let lowered = self.lower_scope(Some("ann"), shared);
        messages(&lowered.expect_err("the lowering fails"))
    }

    fn lower_scope(self, instance: Option<&str>, shared: &[&str]) -> Result<Lowered, Diagnostics> {
        let shared = shared.iter().map(|name| (*name).to_owned()).collect();
        let tree = names(&self.0);
        let model: CheckedModel = kcc_model::check(&tree, self.0)
            .expect("the model is sound")
            .value;
        kcc_lower::lower(&tree, &model, TARGET, instance, &shared).map(|lowered| lowered.value)
    }

    /// Lowers the system; panics on errors.
    pub(crate) fn desired(self) -> Desired {
        self.lowered().desired
    }

    /// Lowers the system with the sources of all fields; panics on errors.
    pub(crate) fn lowered(self) -> Lowered {
        self.lower()
            .unwrap_or_else(|found| panic!("{:#?}", messages(&found)))
    }

    /// Returns the errors of lowering, each with its code; panics without any.
    pub(crate) fn errors(self) -> Vec<String> {
        messages(&self.lower().expect_err("the lowering fails"))
    }
}

fn messages(found: &Diagnostics) -> Vec<String> {
    found
        .iter()
        .map(|one| format!("{}: {}", one.code, one.message))
        .collect()
}

pub(crate) fn of_docker(desired: &Desired) -> &DockerDesired {
    match &desired.engine {
        EngineDesired::Docker(objects) => objects,
        EngineDesired::Kubernetes(_) => panic!("a Docker target"),
    }
}

pub(crate) fn of_kubernetes(desired: &Desired) -> &KubernetesDesired {
    match &desired.engine {
        EngineDesired::Kubernetes(objects) => objects,
        EngineDesired::Docker(_) => panic!("a Kubernetes target"),
    }
}

/// Returns the manifest of one object.
pub(crate) fn manifest(desired: &Desired, kind: &str, name: &str) -> serde_json::Value {
    let objects = &of_kubernetes(desired).objects;
    let names: Vec<_> = objects
        .iter()
        .map(|o| format!("{} {}", o.kind, o.name))
        .collect();
    objects
        .iter()
        .find(|object| object.kind == kind && object.name == name)
        .unwrap_or_else(|| panic!("no {kind} {name} in {names:?}"))
        .manifest
        .clone()
}

/// Returns the pod spec of a workload.
pub(crate) fn pod(desired: &Desired, kind: &str, name: &str) -> serde_json::Value {
    manifest(desired, kind, name)["spec"]["template"].clone()
}

/// Returns the main container of a workload.
pub(crate) fn container(desired: &Desired, kind: &str, name: &str) -> serde_json::Value {
    pod(desired, kind, name)["spec"]["containers"][0].clone()
}

/// Runs a program with an input; returns its output or its error.
pub(crate) fn run(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| format!("{program}: {cause}"))?;
    let mut stdin = child.stdin.take().expect("stdin");
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child
        .wait_with_output()
        .map_err(|cause| format!("{program}: {cause}"))?;
    let _ = feeder.join();
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|cause| cause.to_string())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Reports on stderr that a part of a test was skipped. Writes directly, since the
/// test runner captures the macros' output of passing tests.
pub(crate) fn skip(what: &str, how: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}; {how}");
}

/// Returns the kubectl to use: `KCC_KUBECTL`, else the test bed's, else one in `PATH`.
pub(crate) fn kubectl() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let cache = set("KCC_CACHE")
        .or_else(|| Some(format!("{}/kcc", set("XDG_CACHE_HOME")?)))
        .or_else(|| Some(format!("{}/.cache/kcc", set("HOME")?)));
    let built = cache.and_then(|cache| {
        let mut names: Vec<_> = std::fs::read_dir(cache)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("kubectl")))
            .filter(|path| path.is_file())
            .filter_map(|path| path.to_str().map(str::to_owned))
            .collect();
        names.sort();
        names.pop()
    });
    let runs = |name: &String| run(name, &["version", "--client"], "").is_ok();
    // Not checked if named explicitly, so that a broken one fails the test.
    set("KCC_KUBECTL").or_else(|| {
        let mut others = built.into_iter().chain(["kubectl".to_owned()]);
        others.find(runs)
    })
}
