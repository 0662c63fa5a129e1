//! Compares the causes of recorded failures with those that they are named after.

use std::{collections::BTreeMap, fs, path::Path};

use kcc_lower::{
    Desired, DesiredComponent, EngineDesired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_model::Until;
use kcc_plan::{Scope, StatusReport, Unapplied};
use kcc_test_engines::causes::{Recorded, are_named, are_recorded};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::*;
use crate::{pods, reconcile, status};

/// The state of a scenario in a real cluster.
#[derive(Deserialize)]
struct Recording {
    namespace: String,
    /// The declared components that do not exist.
    absent: Vec<String>,
    /// The declared needs: a component, another one, and the state that it needs.
    needs: Vec<(String, String, Until)>,
    objects: Vec<Value>,
    logs: BTreeMap<String, Vec<String>>,
}

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes")
}

fn recordings() -> BTreeMap<String, Recording> {
    let files = fs::read_dir(directory().join("recorded")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    paths
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect()
}

impl Recording {
    fn kind<K: DeserializeOwned>(&self, kind: &str) -> Vec<K> {
        let own = self.objects.iter().filter(|object| object["kind"] == kind);
        own.map(|object| serde_json::from_value(object.clone()).unwrap())
            .collect()
    }

    fn named<K: DeserializeOwned + kube::ResourceExt>(&self, kind: &str) -> BTreeMap<String, K> {
        let all = self.kind::<K>(kind).into_iter();
        all.map(|object| (object.name_any(), object)).collect()
    }

    /// Returns what [`crate::client::Client::live`] and `explanations` would read.
    fn live(&self) -> Live {
        let mut others: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for kind in [
            "Node",
            "StorageClass",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "LimitRange",
            "ServiceAccount",
            "ConfigMap",
            "Secret",
        ] {
            others.insert(kind.to_owned(), self.kind(kind));
        }
        let mut events: Vec<k8s_openapi::api::core::v1::Event> = self.kind("Event");
        events.retain(|event| {
            event.type_.as_deref() == Some("Warning") || event.reason.as_deref() == Some("Killing")
        });
        Live {
            deployments: self.named("Deployment"),
            stateful_sets: self.named("StatefulSet"),
            daemon_sets: self.named("DaemonSet"),
            jobs: self.named("Job"),
            cron_jobs: self.named("CronJob"),
            pods: self.kind::<k8s_openapi::api::core::v1::Pod>("Pod").into(),
            replica_sets: self.kind("ReplicaSet"),
            events,
            others,
            logs: self.logs.clone(),
        }
    }

    fn workloads(&self) -> Vec<Object> {
        let kinds = self
            .objects
            .iter()
            .filter(|object| reconcile::is_workload(object["kind"].as_str().unwrap_or_default()));
        kinds
            .map(|object| {
                let text = |pointer| {
                    object
                        .pointer(pointer)
                        .unwrap()
                        .as_str()
                        .unwrap()
                        .to_owned()
                };
                Object {
                    api_version: text("/apiVersion"),
                    kind: text("/kind"),
                    namespace: Some(self.namespace.clone()),
                    name: text("/metadata/name"),
                    component: Some(text("/metadata/name")),
                    team: None,
                    data: false,
                    manifest: object.clone(),
                }
            })
            .collect()
    }

    /// Returns the status of all components, with the chains across needs.
    fn report(&self) -> StatusReport {
        let (live, workloads) = (self.live(), self.workloads());
        let mut components = BTreeMap::new();
        let mut declared = BTreeMap::new();
        for workload in &workloads {
            let job = workload.kind == "Job";
            components.insert(
                workload.name.clone(),
                status::of_workload(workload, job, &live),
            );
            declared.insert(workload.name.clone(), component(job));
        }
        for name in &self.absent {
            let mut workload = workloads[0].clone();
            workload.kind = "Deployment".to_owned();
            workload.name.clone_from(name);
            workload.component = Some(name.clone());
            components.insert(
                name.clone(),
                status::of_workload(&workload, false, &Live::default()),
            );
            declared.insert(name.clone(), component(false));
        }
        for (name, other, until) in &self.needs {
            let until = if declared[other].job {
                Until::Completed
            } else {
                *until
            };
            let needing = declared.get_mut(name).unwrap();
            needing.after.insert(other.clone(), until);
        }
        let desired = Desired {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
            components: declared,
            shared: BTreeMap::new(),
            engine: EngineDesired::Kubernetes(KubernetesDesired {
                context: None,
                namespace: self.namespace.clone(),
                objects: workloads,
                secrets: Vec::new(),
                builds: Vec::new(),
                locked: BTreeMap::new(),
            }),
        };
        let (scope, unapplied) = (Scope::of(&desired), Unapplied::default());
        StatusReport::new(&desired, scope, components, &unapplied, false, Vec::new())
    }
}

fn component(job: bool) -> DesiredComponent {
    DesiredComponent {
        team: "payments".to_owned(),
        path: String::new(),
        job,
        manual: false,
        after: BTreeMap::new(),
        deadline_ms: 60_000,
    }
}

#[test]
fn recorded_failures_have_the_cause_that_they_are_named_after() {
    let recorded = recordings().into_iter().map(|(name, recording)| {
        let needs = recording.needs.iter();
        let needs = needs.map(|(name, other, _)| (name.clone(), other.clone()));
        Recorded {
            name,
            report: recording.report(),
            needs: needs.collect(),
        }
    });
    are_named(recorded, &directory().join("recorded/expected.txt"));
}

#[test]
fn every_cause_is_recorded() {
    const OTHERS: [&str; 8] = [
        "unschedulable",
        "image-not-pulled",
        "config-refused",
        "mount-refused",
        "probe-failed",
        "pods-refused",
        "not-started",
        "name-not-resolved",
    ];
    let recordings = recordings();
    let names: Vec<_> = recordings.keys().collect();
    let lists = [OF_POD, OF_CONTAINER, OF_WORKLOAD];
    let causes = lists.into_iter().flatten().map(|(name, _)| *name);
    are_recorded(causes, &names, &OTHERS);
    let ready = recordings
        .values()
        .flat_map(|recording| recording.live().pods.to_vec());
    assert!(ready.filter(pods::is_ready).count() < 8);
}
