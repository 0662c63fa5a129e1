//! Builds the status report: the state of each component and why it is not ready.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{
    Desired,
    kubernetes::{KubernetesDesired, Object},
};
use kcc_model::{Name, Until};
use kcc_plan::{
    Address, Cause, ComponentStatus, Finding, FindingKind, Plan, Readiness, Scope, State,
    StatusReport,
};
use serde_json::Value;

use crate::{
    causes,
    live::Live,
    observed::{Observed, Ownership, Reference},
    pods, reconcile,
    records::Records,
    rollout, sharing,
};

/// Determines the status of every component.
pub(crate) fn status(
    desired: &Desired,
    kube: &KubernetesDesired,
    observed: &Observed,
    live: &Live,
    records: &Records,
    scope: Scope,
) -> StatusReport {
    let mut reached = addresses(observed);
    let mut components = sharing::statuses(desired, &observed.sharing);
    let workloads = workloads(kube);
    for (name, component) in &desired.components {
        let workload = workloads.get(name).and_then(|own| own.first().copied());
        let mut status = match workload {
            Some(workload) if !is_managed(observed, workload) => unmanaged(workload),
            Some(workload) => of_workload(workload, component.job, live),
            None => ComponentStatus::external(),
        };
        status.team = Some(component.team.clone());
        let reached = reached.remove(name).unwrap_or_default();
        status.addresses = reached.addresses;
        status.address_pending = reached.pending;
        components.insert(name.clone(), status);
    }
    for existing in observed.objects.values() {
        let Some(name) = &existing.component else {
            continue;
        };
        let workload = reconcile::is_workload(&existing.reference.kind);
        let declared = components.contains_key(name);
        let why = match existing.ownership {
            _ if declared || !workload => continue,
            Ownership::Owned => "no longer declared; the next apply removes it",
            Ownership::Unrecorded => "not declared",
            Ownership::Labelled | Ownership::Former | Ownership::Unmanaged => continue,
        };
        let mut status = ComponentStatus::new(State::Running, (0, 0)).because(why);
        status.team.clone_from(&existing.team);
        components.insert(name.clone(), status);
    }
    StatusReport::new(
        desired,
        scope,
        components,
        &records.inventory.unapplied,
        records.intent.is_some(),
        observed.labelled(),
    )
}

/// Returns the desired workloads of each component.
fn workloads(kube: &KubernetesDesired) -> BTreeMap<&Name, Vec<&Object>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let objects = kube.objects.iter();
    for object in objects.filter(|object| reconcile::is_workload(&object.kind)) {
        if let Some(component) = &object.component {
            all.entry(component).or_default().push(object);
        }
    }
    all
}

/// Returns the components that are not ready although no step of the plan changes
/// their workload.
pub(crate) fn not_ready<P>(kube: &KubernetesDesired, live: &Live, plan: &Plan<P>) -> Vec<Finding> {
    let mut found = Vec::new();
    let workloads = workloads(kube);
    let changed: BTreeSet<_> = plan
        .operations()
        .map(|operation| (operation.kind.as_str(), operation.name.as_str()))
        .collect();
    for (name, component) in &plan.components {
        let Some(until) = component.ready else {
            continue;
        };
        for workload in workloads.get(name).into_iter().flatten() {
            if changed.contains(&(workload.kind.as_str(), workload.name.as_str())) {
                continue;
            }
            let Some(cause) = rollout::readiness(live, workload, until).cause() else {
                continue;
            };
            found.push(Finding {
                finding: FindingKind::NotReady,
                kind: workload.kind.clone(),
                name: workload.name.clone(),
                component: Some(name.clone()),
                team: component.team.clone(),
                cause: cause.text(),
                help: cause.help,
                alternatives: Vec::new(),
                conflict: None,
            });
        }
    }
    found
}

/// Returns true unless an object of that name is there that kcc did not create: what
/// it does says nothing about the component.
fn is_managed(observed: &Observed, workload: &Object) -> bool {
    let existing = observed.objects.get(&Reference::of(workload).key());
    existing.is_none_or(|existing| {
        matches!(existing.ownership, Ownership::Owned | Ownership::Unrecorded)
    })
}

fn unmanaged(workload: &Object) -> ComponentStatus {
    let replicas = u32::try_from(declared_replicas(workload)).unwrap_or_default();
    let message = format!(
        "{} exists and is not managed by kcc",
        Reference::of(workload)
    );
    ComponentStatus::new(State::Absent, (0, replicas)).caused_by(Cause::new("unmanaged", message))
}

/// Determines the status of one workload.
pub(crate) fn of_workload(workload: &Object, job: bool, live: &Live) -> ComponentStatus {
    let until = if job {
        Until::Completed
    } else {
        Until::Healthy
    };
    let answer = rollout::readiness(live, workload, until);
    let count = rollout::count(live, workload);
    let existing = count.is_some()
        || live.jobs.contains_key(&workload.name)
        || live.cron_jobs.contains_key(&workload.name);
    let done = answer == Readiness::Ready;
    let (ready, replicas) = match &count {
        Some(count) => (count.ready.min(count.wanted), count.wanted),
        None => (i32::from(done), declared_replicas(workload)),
    };
    let component = workload.component.as_deref().unwrap_or(&workload.name);
    let own = pods::of_component(live, component);
    let failed = matches!(answer, Readiness::Failed(_))
        || (!done && own.iter().any(|pod| causes::is_failing(pod)));
    let state = match () {
        () if !existing => State::Absent,
        () if done && job => State::Completed,
        () if done && workload.kind == "CronJob" => State::Scheduled,
        () if done && replicas == 0 => State::Stopped,
        () if done => State::Running,
        () if failed => State::Failed,
        () => State::Starting,
    };
    let count = |count: i32| u32::try_from(count).unwrap_or_default();
    let status = ComponentStatus::new(state, (count(ready), count(replicas)));
    match answer.cause() {
        Some(cause) => status.caused_by(cause),
        None => status,
    }
}

/// Returns the number of replicas that a workload is applied with.
fn declared_replicas(workload: &Object) -> i32 {
    let replicas = workload.manifest.pointer("/spec/replicas");
    let replicas = replicas.and_then(Value::as_i64);
    replicas.map_or(1, |replicas| i32::try_from(replicas).unwrap_or(i32::MAX))
}

/// The addresses at which a component is reachable from outside.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) addresses: Vec<Address>,
    /// True if a load balancer has none yet.
    pub(crate) pending: bool,
}

/// Returns the addresses of each component, as far as the cluster knows them.
pub(crate) fn addresses(observed: &Observed) -> BTreeMap<Name, Reached> {
    let mut all: BTreeMap<Name, Reached> = BTreeMap::new();
    for existing in observed.objects.values() {
        if let Some(component) = &existing.component {
            let own = of_object(&existing.reference.kind, &existing.live);
            let reached = all.entry(component.clone()).or_default();
            reached.addresses.extend(own);
            reached.pending |= is_pending(&existing.live);
        }
    }
    all
}

fn of_object(kind: &str, live: &Value) -> Vec<Address> {
    match kind {
        "Ingress" => of_ingress(live),
        "HTTPRoute" => of_route(live),
        "Service" => of_load_balancer(live),
        _ => Vec::new(),
    }
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let items = value.pointer(pointer).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

fn url(scheme: &str, host: &Value, path: Option<&Value>) -> Option<Address> {
    let path = path.and_then(Value::as_str).unwrap_or("/");
    let (host, path) = (host.as_str()?, path.trim_end_matches('/'));
    Some(Address {
        text: format!("{scheme}://{host}{path}"),
        port: None,
    })
}

fn of_ingress(live: &Value) -> Vec<Address> {
    let tls: Vec<_> = list(live, "/spec/tls")
        .iter()
        .flat_map(|tls| list(tls, "/hosts"))
        .collect();
    let mut found = Vec::new();
    for rule in list(live, "/spec/rules") {
        let Some(host) = rule.get("host") else {
            continue;
        };
        let scheme = if tls.contains(&host) { "https" } else { "http" };
        let paths = list(rule, "/http/paths").iter();
        found.extend(paths.filter_map(|path| url(scheme, host, path.get("path"))));
    }
    found
}

fn of_route(live: &Value) -> Vec<Address> {
    // The listeners of kcc's own Gateway are named after their protocol.
    let mut parents = list(live, "/spec/parentRefs").iter();
    let ends_tls = parents.any(|parent| {
        let listener = parent.get("sectionName").and_then(Value::as_str);
        listener.is_some_and(|listener| listener.starts_with("https"))
    });
    let scheme = if ends_tls { "https" } else { "http" };
    let mut found = Vec::new();
    for host in list(live, "/spec/hostnames") {
        for rule in list(live, "/spec/rules") {
            let matches = list(rule, "/matches").iter();
            found.extend(matches.filter_map(|one| url(scheme, host, one.pointer("/path/value"))));
        }
    }
    found
}

/// Returns true for a load balancer without an address.
fn is_pending(live: &Value) -> bool {
    let kind = live.pointer("/spec/type").and_then(Value::as_str);
    kind == Some("LoadBalancer") && of_load_balancer(live).is_empty()
}

/// Returns the addresses that the cluster has assigned to a Service.
fn of_load_balancer(live: &Value) -> Vec<Address> {
    let mut found = Vec::new();
    for given in list(live, "/status/loadBalancer/ingress") {
        let host = given.get("hostname").or_else(|| given.get("ip"));
        let Some(host) = host.and_then(Value::as_str) else {
            continue;
        };
        let ports = list(live, "/spec/ports").iter();
        let ports = ports.filter_map(|port| port.get("port")?.as_u64());
        let ports = ports.filter_map(|port| u16::try_from(port).ok());
        found.extend(ports.map(|port| Address {
            text: if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            },
            port: Some(port),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_absent_workload_lacks_all_of_its_replicas() {
        let absent = |spec: Value| {
            let object = Object {
                api_version: "apps/v1".to_owned(),
                kind: "Deployment".to_owned(),
                namespace: None,
                name: "web".to_owned(),
                component: Some("web".to_owned()),
                team: None,
                data: false,
                manifest: json!({"spec": spec}),
            };
            of_workload(&object, false, &Live::default())
        };
        assert_eq!(absent(json!({"replicas": 2})).replicas, 2);
        assert_eq!(absent(json!({})).replicas, 1);
        let stopped = absent(json!({"replicas": 0}));
        assert_eq!((stopped.state, stopped.is_ready()), (State::Absent, false));
    }

    fn texts(kind: &str, live: &Value) -> Vec<String> {
        let all = of_object(kind, live).into_iter();
        all.map(|address| address.text).collect()
    }

    #[test]
    fn reads_addresses_of_an_ingress() {
        let path = |path: &str| json!({"path": path});
        let manifest = json!({"spec": {
            "tls": [{"hosts": ["shop.example.com"], "secretName": "cert"}],
            "rules": [
                {"host": "shop.example.com", "http": {"paths": [path("/"), path("/api")]}},
                {"host": "plain.example.com", "http": {"paths": [path("/")]}},
            ],
        }});
        assert_eq!(
            texts("Ingress", &manifest),
            [
                "https://shop.example.com",
                "https://shop.example.com/api",
                "http://plain.example.com"
            ]
        );
    }

    #[test]
    fn reads_addresses_assigned_to_a_load_balancer() {
        let mut service = json!({"spec": {
            "type": "LoadBalancer", "ports": [{"port": 80}, {"port": 443}],
        }});
        assert!(of_object("Service", &service).is_empty() && is_pending(&service));
        service["status"] = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "lb.example.com"}]}});
        assert_eq!(
            texts("Service", &service),
            [
                "203.0.113.7:80",
                "203.0.113.7:443",
                "lb.example.com:80",
                "lb.example.com:443"
            ]
        );
        assert!(!is_pending(&service));
        let inside = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}});
        assert!(!is_pending(&inside));
    }

    #[test]
    fn reads_addresses_of_a_route() {
        let route = json!({"spec": {
            "hostnames": ["shop.example.com"],
            "parentRefs": [{"name": "public", "sectionName": "https-shop"}],
            "rules": [{"matches": [{"path": {"value": "/api"}}]}],
        }});
        assert_eq!(texts("HTTPRoute", &route), ["https://shop.example.com/api"]);
    }
}
