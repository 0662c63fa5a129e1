//! What runs of a target, and why what does not. Pure.

use std::collections::BTreeMap;

use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_model::Until;
use kcc_plan::{ComponentStatus, Readiness, Scope, State, StatusReport};
use serde_json::Value;

use crate::{
    client::Live,
    observed::{Observed, Ownership, Reference},
    pods, reconcile, rollout,
};

/// Judges every component.
pub(crate) fn status(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
    live: &Live,
    scope: Scope,
) -> StatusReport {
    let mut components = BTreeMap::new();
    for (name, component) in &desired.components {
        let own = |object: &&Object| object.component.as_ref() == Some(name);
        let workload = kube
            .objects
            .iter()
            .filter(own)
            .find(|object| reconcile::is_workload(&object.kind));
        let mut status = match workload {
            Some(workload) => of_workload(workload, component.job, live),
            None => ComponentStatus::external(),
        };
        status.team = Some(component.team.clone());
        let there = |object: &&Object| observed.objects.contains_key(&Reference::of(object).key());
        status.addresses = kube
            .objects
            .iter()
            .filter(own)
            .filter(there)
            .flat_map(addresses)
            .collect();
        components.insert(name.clone(), status);
    }
    for there in observed.objects.values() {
        let Some(name) = &there.component else {
            continue;
        };
        let workload = reconcile::is_workload(&there.reference.kind);
        if workload && there.ownership == Ownership::Ours && !components.contains_key(name) {
            let status = ComponentStatus {
                team: there.team.clone(),
                state: State::Running,
                ready: 0,
                replicas: 0,
                why: Some("no fragment asks for it, the next apply removes it".to_owned()),
                unapplied: None,
                addresses: Vec::new(),
            };
            components.insert(name.clone(), status);
        }
    }
    StatusReport { scope, components }
}

fn of_workload(workload: &Object, job: bool, live: &Live) -> ComponentStatus {
    let until = if job {
        Until::Completed
    } else {
        Until::Healthy
    };
    let judged = rollout::judge(live, workload, until);
    let count = rollout::count(live, workload);
    let there = count.is_some()
        || live.jobs.contains_key(&workload.name)
        || live.cron_jobs.contains_key(&workload.name);
    let done = judged == Readiness::Ready;
    let (ready, replicas) = match &count {
        Some(count) => (count.ready.min(count.wanted), count.wanted),
        None => (i32::from(done), 1),
    };
    let component = workload.component.as_deref().unwrap_or(&workload.name);
    let own = pods::of_component(live, component);
    let failed = matches!(judged, Readiness::Failed { .. })
        || (!done && own.iter().any(|pod| pods::is_failing(pod)));
    let state = match () {
        () if !there => State::Absent,
        () if done && job => State::Completed,
        () if done && workload.kind == "CronJob" => State::Scheduled,
        () if done && replicas == 0 => State::Stopped,
        () if done => State::Running,
        () if failed => State::Failed,
        () => State::Starting,
    };
    let why = match judged {
        Readiness::Ready => None,
        Readiness::Waiting { why } | Readiness::Failed { why } => Some(why),
    };
    ComponentStatus {
        team: None,
        state,
        ready: u32::try_from(ready).unwrap_or_default(),
        replicas: u32::try_from(replicas).unwrap_or_default(),
        why,
        unapplied: None,
        addresses: Vec::new(),
    }
}

/// The addresses that an Ingress gives.
fn addresses(object: &Object) -> Vec<String> {
    if object.kind != "Ingress" {
        return Vec::new();
    }
    let list = |value: &Value, pointer: &str| {
        let items = value.pointer(pointer).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let tls: Vec<_> = list(&object.manifest, "/spec/tls")
        .iter()
        .flat_map(|tls| list(tls, "/hosts"))
        .collect();
    let mut found = Vec::new();
    for rule in list(&object.manifest, "/spec/rules") {
        let Some(host) = rule.get("host") else {
            continue;
        };
        let scheme = if tls.contains(host) { "https" } else { "http" };
        for path in list(&rule, "/http/paths") {
            let path = path.get("path").and_then(Value::as_str).unwrap_or("/");
            let host = host.as_str().unwrap_or_default();
            found.push(format!("{scheme}://{host}{}", path.trim_end_matches('/')));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_ingress_gives_addresses() {
        let path = |path: &str| json!({"path": path});
        let manifest = json!({"spec": {
            "tls": [{"hosts": ["shop.example.com"], "secretName": "cert"}],
            "rules": [
                {"host": "shop.example.com", "http": {"paths": [path("/"), path("/api")]}},
                {"host": "plain.example.com", "http": {"paths": [path("/")]}},
            ],
        }});
        let object = Object {
            api_version: "networking.k8s.io/v1".to_owned(),
            kind: "Ingress".to_owned(),
            namespace: None,
            name: "web".to_owned(),
            component: None,
            team: None,
            data: false,
            manifest,
        };
        assert_eq!(
            addresses(&object),
            [
                "https://shop.example.com",
                "https://shop.example.com/api",
                "http://plain.example.com"
            ]
        );
    }
}
