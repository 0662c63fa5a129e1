//! Random small systems: up to six components with needs, claims, secrets, autoscalers,
//! jobs, and objects of a kind that the system defines itself.

use std::collections::BTreeMap;

use kcc_lower::{
    Desired, EngineDesired,
    kubernetes::{CreatedSecret, KubernetesDesired, Object},
};
use kcc_model::{SecretProvider, Until};
use kcc_test_engines::{desired::component, simulation::Chance};
use serde_json::{Value, json};

use crate::observed::{CLAIM, DEFINITION, MANAGER, NAMESPACE, holds_data, label};

/// The most components.
const COMPONENTS: usize = 6;
pub(super) const SPACE: &str = "s";
/// The Secrets whose value comes from outside, and whose value is generated.
pub(super) const TOKEN: &str = "token";
const GENERATED: &str = "generated";
/// The kind that the system defines.
pub(super) const THING: &str = "Thing";

/// The seeds of a system: each component follows from its own.
#[derive(Debug, Clone)]
pub(super) struct Seeds {
    components: [Option<u64>; COMPONENTS],
}

impl Seeds {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut components = [None; COMPONENTS];
        for seed in components.iter_mut().take(1 + chance.below(COMPONENTS)) {
            *seed = Some(chance.below(1 << 30) as u64);
        }
        Self { components }
    }

    pub(super) fn change(&mut self, chance: &mut Chance) {
        for seed in &mut self.components {
            match chance.below(6) {
                0 => *seed = None,
                1 | 2 => *seed = Some(chance.below(1 << 30) as u64),
                _ => {}
            }
        }
    }

    pub(super) fn desired(&self) -> Desired {
        let mut namespace = object("v1", NAMESPACE, SPACE, None, json!({}));
        namespace.namespace = None;
        let mut kube = KubernetesDesired {
            context: None,
            namespace: SPACE.to_owned(),
            objects: vec![namespace],
            secrets: [
                (TOKEN, SecretProvider::Env("TOKEN".to_owned())),
                (GENERATED, SecretProvider::Generate {}),
            ]
            .map(|(name, provider)| CreatedSecret {
                name: name.to_owned(),
                key: "value".to_owned(),
                encoded: false,
                provider,
                shared_from: None,
                component: None,
                team: "payments".to_owned(),
                labels: labels(None),
            })
            .into(),
            builds: Vec::new(),
            locked: BTreeMap::new(),
        };
        let mut components = BTreeMap::new();
        let mut earlier: Vec<(String, bool)> = Vec::new();
        for (index, seed) in self.components.iter().enumerate() {
            let Some(seed) = seed else { continue };
            let chance = &mut Chance::new(*seed);
            let name = format!("c{index}");
            let job = chance.one_in(5);
            let mut after = Vec::new();
            for (other, other_job) in &earlier {
                if chance.one_in(3) {
                    let until = if *other_job {
                        Until::Completed
                    } else {
                        Until::Started
                    };
                    after.push((other.as_str(), until));
                }
            }
            let mut own = component("payments", &after, 60_000);
            own.job = job;
            components.insert(name.clone(), own);
            earlier.push((name.clone(), job));
            kube.objects.extend(objects(&name, job, chance));
        }
        if kube.objects.iter().any(|object| object.kind == THING) {
            let spec = json!({"group": "example.com", "names": {"kind": THING}});
            let version = "apiextensions.k8s.io/v1";
            let mut definition = object(version, DEFINITION, "things.example.com", None, spec);
            definition.namespace = None;
            kube.objects.insert(1, definition);
        }
        Desired {
            system: "s".to_owned(),
            target: "t".to_owned(),
            instance: None,
            components,
            shared: BTreeMap::new(),
            engine: EngineDesired::Kubernetes(kube),
        }
    }
}

fn labels(component: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (label::MANAGED_BY.to_owned(), MANAGER.to_owned()),
        (label::SYSTEM.to_owned(), "s".to_owned()),
        (label::TARGET.to_owned(), "t".to_owned()),
    ]);
    if let Some(component) = component {
        labels.insert(label::COMPONENT.to_owned(), component.to_owned());
        labels.insert(label::TEAM.to_owned(), "payments".to_owned());
    }
    labels
}

fn object(version: &str, kind: &str, name: &str, component: Option<&str>, spec: Value) -> Object {
    let mut manifest = json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": labels(component)},
    });
    manifest["spec"] = spec;
    Object {
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(SPACE.to_owned()),
        name: name.to_owned(),
        component: component.map(str::to_owned),
        team: component.map(|_| "payments".to_owned()),
        data: holds_data(kind),
        manifest,
    }
}

/// Returns the objects of a component.
fn objects(name: &str, job: bool, chance: &mut Chance) -> Vec<Object> {
    let mut env = vec![json!({"name": "LOG", "value": chance.below(3).to_string()})];
    if chance.one_in(2) {
        let secret = json!({"secretKeyRef": {"name": TOKEN, "key": "value"}});
        env.push(json!({"name": "TOKEN", "valueFrom": secret}));
    }
    let container = json!({"name": name, "image": "image", "env": env});
    let mut spec = json!({"template": {"spec": {"containers": [container]}}});
    let mut all = Vec::new();
    let own = Some(name);
    if job {
        let name = format!("{name}-{}", chance.below(2));
        return vec![object("batch/v1", "Job", &name, own, spec)];
    }
    if chance.one_in(2) {
        let data = json!({"file": chance.below(3)});
        all.push(object("v1", "ConfigMap", name, own, data));
    }
    if chance.one_in(2) {
        all.push(object(
            "v1",
            "Service",
            name,
            own,
            json!({"port": chance.below(2)}),
        ));
    }
    if chance.one_in(4) {
        let claim = format!("{name}-claim");
        let class = json!({"class": chance.below(2)});
        all.push(object("v1", CLAIM, &claim, own, class));
        spec["template"]["spec"]["volumes"] =
            json!([{"name": "claim", "persistentVolumeClaim": {"claimName": claim}}]);
    }
    if chance.one_in(4) {
        let spec = json!({"size": chance.below(2)});
        all.push(object("example.com/v1", THING, name, own, spec));
    }
    let kind = match chance.below(4) {
        0 => "StatefulSet",
        1 => "CronJob",
        _ => "Deployment",
    };
    if kind == "StatefulSet" {
        let size = json!({"size": chance.below(2)});
        spec["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": size}]);
    }
    if kind == "Deployment" && chance.one_in(3) {
        let target = json!({"scaleTargetRef": {"kind": kind, "name": name}});
        let version = "autoscaling/v2";
        all.push(object(
            version,
            "HorizontalPodAutoscaler",
            name,
            own,
            target,
        ));
    } else if kind != "CronJob" {
        spec["replicas"] = json!(2 + chance.below(2));
    }
    let version = if kind == "CronJob" {
        "batch/v1"
    } else {
        "apps/v1"
    };
    all.push(object(version, kind, name, own, spec));
    all
}

/// Lets a workload of a system fail for good.
pub(super) fn doom(desired: &Desired, chance: &mut Chance) -> Desired {
    let mut desired = desired.clone();
    let EngineDesired::Kubernetes(kube) = &mut desired.engine else {
        return desired;
    };
    let workloads = kube.objects.iter_mut();
    let mut workloads: Vec<_> = workloads
        .filter(|object| crate::reconcile::is_workload(&object.kind))
        .collect();
    let at = chance.below(workloads.len());
    if let Some(workload) = workloads.get_mut(at) {
        workload.manifest["spec"]["doomed"] = json!(true);
    }
    desired
}

/// Returns the objects of a system.
pub(super) fn kube(desired: &Desired) -> &KubernetesDesired {
    match &desired.engine {
        EngineDesired::Kubernetes(kube) => kube,
        EngineDesired::Docker(_) => panic!("it is a system on Kubernetes"),
    }
}
