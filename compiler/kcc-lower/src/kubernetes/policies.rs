//! Network policies: nothing connects to a component but what needs it, and
//! whoever comes through a route.
//!
//! Only what comes in is limited. What goes out is not: a fragment does not say
//! which servers beyond the system a component calls.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_cue::Path;
use kcc_model::{Component, Port};

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{Belongs, Objects, pod, workload};
use crate::lowering::Lowering;

const INGRESS: &str = "Ingress";

/// Closes every pod of the target.
pub(super) fn closed(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    if lowering.running().next().is_none() {
        return;
    }
    let name = format!("{}-{}-closed", lowering.system, lowering.target.target);
    let labels = metadata::everything(lowering);
    let policy = NetworkPolicy {
        metadata: metadata::of(lowering, &name, Some(objects.namespace), Owner::System),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(labels)),
            policy_types: Some(vec![INGRESS.to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    };
    let belongs = Belongs {
        component: None,
        team: None,
        path: Path::of(["system"]),
        data: false,
    };
    objects.add(lowering, &policy, &belongs);
}

/// Opens the ports of a component to what needs it, those that a route leads to
/// to everybody.
pub(super) fn open(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let mut rules = Vec::new();
    let mut peers: Vec<_> = lowering
        .running()
        .filter(|other| other.needs.contains_key(&component.name))
        .map(|other| peer(lowering, other))
        .collect();
    // What keeps data in several replicas talks among itself.
    if workload::is_stateful(component) && component.most_replicas() > 1 {
        peers.push(peer(lowering, component));
    }
    if !peers.is_empty() && !component.ports.is_empty() {
        rules.push(NetworkPolicyIngressRule {
            from: Some(peers),
            ports: Some(component.ports.values().map(port).collect()),
        });
    }
    let routed: Vec<_> = component
        .ports
        .iter()
        .filter(|(name, _)| component.routes.values().any(|route| route.port == **name))
        .map(|(_, number)| port(number))
        .collect();
    if !routed.is_empty() {
        rules.push(NetworkPolicyIngressRule {
            from: None,
            ports: Some(routed),
        });
    }
    if rules.is_empty() {
        return;
    }
    let owner = Owner::Component(component);
    let policy = NetworkPolicy {
        metadata: metadata::of(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(metadata::selector(lowering, component))),
            policy_types: Some(vec![INGRESS.to_owned()]),
            ingress: Some(rules),
            egress: None,
        }),
    };
    objects.add(lowering, &policy, &Belongs::to(component));
}

fn peer(lowering: &Lowering<'_>, component: &Component) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(selector(metadata::selector(lowering, component))),
        ..NetworkPolicyPeer::default()
    }
}

fn selector(labels: std::collections::BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        match_expressions: None,
    }
}

fn port(port: &Port) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port.number.into())),
        protocol: Some(pod::protocol(port).to_owned()),
        end_port: None,
    }
}
