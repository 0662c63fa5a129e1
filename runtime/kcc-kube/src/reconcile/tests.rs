//! Tests reconcile from desired and observed state to the plan's text, without
//! a cluster.

mod conflicts;
mod deviations;
mod limits;
mod objects;
mod recreate;
mod refuse;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::{
    Desired, EngineDesired,
    kubernetes::{CreatedSecret, KubernetesDesired, Object},
};
use kcc_model::Until;
use kcc_plan::{Error, Options, Plan, Prune};
use kcc_test_engines::desired::{chain, team};
use serde_json::{Value, json};

use super::{reconcile, tear_down};
use crate::{
    observed::{
        DryRun, Key, NAMESPACE, Observed, ObservedObject, Ownership, Reference, SECRET, label,
    },
    payload::Payload,
};

/// A service, a database with a claim, and a job, in a namespace of their own.
fn shop() -> KubernetesDesired {
    let mut namespace = object("v1", NAMESPACE, "shop", None);
    namespace.namespace = None;
    namespace.data = true;
    let mut orders = object("apps/v1", "StatefulSet", "orders", Some("orders"));
    orders.manifest["spec"]["volumeClaimTemplates"] =
        json!([{"metadata": {"name": "data"}, "spec": {"size": "1Gi"}}]);
    let mut claim = object("v1", "PersistentVolumeClaim", "web-logs", Some("web"));
    claim.data = true;
    KubernetesDesired {
        context: None,
        namespace: "shop".to_owned(),
        objects: vec![
            namespace,
            object("v1", "ConfigMap", "web-files", Some("web")),
            claim,
            object("v1", "Service", "orders", Some("orders")),
            object("v1", "Service", "web", Some("web")),
            object("apps/v1", "Deployment", "web", Some("web")),
            orders,
            object("batch/v1", "Job", "migrate-1", Some("migrate")),
        ],
        secrets: vec![CreatedSecret {
            name: "orders-password".to_owned(),
            key: "value".to_owned(),
            encoded: false,
            provider: kcc_model::SecretProvider::Generate {},
            shared_from: None,
            component: Some("orders".to_owned()),
            team: "payments".to_owned(),
            labels: BTreeMap::new(),
        }],
        builds: Vec::new(),
        locked: BTreeMap::new(),
    }
}

fn object(api_version: &str, kind: &str, name: &str, component: Option<&str>) -> Object {
    Object {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
        component: component.map(str::to_owned),
        team: component.map(|component| team(component).to_owned()),
        data: false,
        manifest: json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "labels": {
                label::COMPONENT: component.unwrap_or_default(),
                label::TEAM: component.map(team).unwrap_or_default(),
            }},
            "spec": {"template": {"spec": {"containers": [{
                "name": name,
                "image": "acme/web:1",
                "env": [{"name": "LOG", "value": "info"}],
            }]}}},
        }),
    }
}

fn wanted<'a>(kube: &'a mut KubernetesDesired, kind: &str, name: &str) -> &'a mut Object {
    let mut objects = kube.objects.iter_mut();
    objects
        .find(|object| object.kind == kind && object.name == name)
        .unwrap()
}

fn desired(kube: &KubernetesDesired) -> Desired {
    let existing = |name: &str| {
        let mut objects = kube.objects.iter();
        objects.any(|object| object.component.as_deref() == Some(name))
    };
    let mut components = chain("orders");
    components.retain(|name, _| existing(name));
    Desired {
        system: "shop".to_owned(),
        target: "prod".to_owned(),
        instance: None,
        components,
        shared: BTreeMap::new(),
        engine: EngineDesired::Kubernetes(kube.clone()),
    }
}

/// A cluster where everything is as desired.
fn as_desired(kube: &KubernetesDesired) -> Observed {
    let mut observed = Observed {
        recorded: true,
        ..Observed::default()
    };
    for object in &kube.objects {
        let mut live = object.manifest.clone();
        live["metadata"]["uid"] = json!(format!("{} {}", object.kind, object.name));
        live["spec"]["filled"] = json!("in by the server");
        let reference = Reference::of(object);
        let existing = ObservedObject::of(reference.clone(), Ownership::Owned, live.clone());
        observed.objects.insert(reference.key(), existing);
        observed
            .dry_runs
            .insert(reference.key(), DryRun::Result(live));
    }
    for secret in &kube.secrets {
        let reference = Reference::core(SECRET, &kube.namespace, &secret.name);
        let live = json!({"metadata": {"uid": secret.name}});
        let existing = ObservedObject::of(reference.clone(), Ownership::Owned, live);
        observed.objects.insert(reference.key(), existing);
    }
    observed
}

fn key(observed: &Observed, kind: &str, name: &str) -> Key {
    let mut keys = observed.objects.keys();
    let found = keys.find(|key| key.kind == kind && key.name == name);
    found.unwrap().clone()
}

fn existing<'a>(observed: &'a mut Observed, kind: &str, name: &str) -> &'a mut ObservedObject {
    let key = key(observed, kind, name);
    observed.objects.get_mut(&key).unwrap()
}

fn set_dry_run(observed: &mut Observed, kind: &str, name: &str, dry_run: DryRun) {
    let key = key(observed, kind, name);
    observed.dry_runs.insert(key, dry_run);
}

/// Makes the dry run of an object return a changed version.
fn would(observed: &mut Observed, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let mut next = existing(observed, kind, name).live.clone();
    change(&mut next);
    set_dry_run(observed, kind, name, DryRun::Result(next));
}

fn plan(kube: &KubernetesDesired, observed: &Observed) -> Plan<Payload> {
    reconcile(&desired(kube), kube, observed, &Options::default()).unwrap()
}

fn refused(kube: &KubernetesDesired, observed: &Observed) -> Error {
    reconcile(&desired(kube), kube, observed, &Options::default()).unwrap_err()
}

fn check(kube: &KubernetesDesired, observed: &Observed, lines: &[&str]) {
    let text = plan(kube, observed).to_text();
    let found: Vec<_> = text
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(str::trim_start)
        .collect();
    assert_eq!(found, lines, "{text}");
}
