//! Network policies: nothing connects to a component but what needs it, and
//! whoever comes through a route; and no component connects to anything private
//! that it does not need.
//!
//! The policy of the whole system closes every pod in both directions and opens
//! what is the same for all: names, and the public internet, since a fragment
//! does not say which of its servers a component calls, and a laptop does not
//! refuse them either. What is private (the rest of the cluster, the cloud's
//! metadata service, the company's network) has to be a need. Policies add up,
//! so each component's own one opens the rest.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Component, Kind, Output, Port, TargetModel};
use kcc_tree::Path;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::{Belongs, Objects, pod, rights, workload};
use crate::lowering::Lowering;

const INGRESS: &str = "Ingress";
const EGRESS: &str = "Egress";

const TCP: &str = "TCP";
const UDP: &str = "UDP";

/// Where name servers answer. Where they are differs by cluster: in a pod, on
/// the machine, beyond the cluster.
const DNS: [(&str, u16); 2] = [(UDP, 53), (TCP, 53)];

/// Where API servers answer: the port of their Service, and the usual one
/// behind it.
const API_SERVER: [(&str, u16); 2] = [(TCP, 443), (TCP, 6443)];

/// All addresses, and those of them that are not public: private networks, what
/// providers share among their customers, and what is local to a link or a machine.
const PUBLIC: [(&str, &[&str]); 2] = [
    (
        "0.0.0.0/0",
        &[
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
        ],
    ),
    ("::/0", &["fc00::/7", "fe80::/10"]),
];

/// Closes every pod of the target but for what all may call.
pub(super) fn closed(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    if lowering.running().next().is_none() {
        return;
    }
    let name = format!("{}-{}-closed", lowering.system, lowering.target.target);
    let labels = metadata::everything(lowering);
    let public = PUBLIC.map(|(all, private)| {
        let private = private.iter().map(|range| (*range).to_owned());
        block(all.to_owned(), Some(private.collect()))
    });
    let names = NetworkPolicyEgressRule {
        ports: Some(known(DNS)),
        to: None,
    };
    let public = NetworkPolicyEgressRule {
        ports: None,
        to: Some(public.into()),
    };
    let policy = NetworkPolicy {
        metadata: metadata::of(lowering, &name, Some(objects.namespace), Owner::System),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(labels)),
            policy_types: Some(vec![INGRESS.to_owned(), EGRESS.to_owned()]),
            ingress: None,
            egress: Some(vec![names, public]),
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
/// to everybody, and to the component what it needs.
pub(super) fn open(lowering: &mut Lowering<'_>, component: &Component, objects: &mut Objects<'_>) {
    let (ingress, egress) = (ingress(lowering, component), egress(lowering, component));
    let directions = [(INGRESS, ingress.is_empty()), (EGRESS, egress.is_empty())];
    let types: Vec<_> = directions
        .into_iter()
        .filter(|(_, empty)| !empty)
        .map(|(name, _)| name.to_owned())
        .collect();
    if types.is_empty() {
        return;
    }
    let owner = Owner::Component(component);
    let policy = NetworkPolicy {
        metadata: metadata::of(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(metadata::selector(lowering, component))),
            policy_types: Some(types),
            ingress: some(ingress),
            egress: some(egress),
        }),
    };
    objects.add(lowering, &policy, &Belongs::to(component));
}

fn ingress(lowering: &Lowering<'_>, component: &Component) -> Vec<NetworkPolicyIngressRule> {
    let mut rules = Vec::new();
    let mut peers: Vec<_> = lowering
        .running()
        .filter(|other| other.needs.contains_key(&component.name))
        .map(|other| peer(lowering, other))
        .collect();
    if talks_to_itself(component) {
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
    rules
}

fn egress(lowering: &Lowering<'_>, component: &Component) -> Vec<NetworkPolicyEgressRule> {
    let called = called(lowering.target, component);
    let mut rules: Vec<_> = called.map(|other| to(lowering, other)).collect();
    if talks_to_itself(component) {
        rules.push(to(lowering, component));
    }
    if rights::has_any(component) {
        rules.push(NetworkPolicyEgressRule {
            ports: Some(known(API_SERVER)),
            to: None,
        });
    }
    rules
}

/// What a component needs and calls, in the order of the rules that let it.
pub(crate) fn called<'a>(
    target: &'a TargetModel,
    component: &'a Component,
) -> impl Iterator<Item = &'a Component> {
    let needed = component.needs.keys();
    needed
        .filter_map(|name| target.components.get(name))
        // Without a port or an address a rule would be leave to call everything.
        .filter(|other| !other.ports.is_empty() || address(other).is_some())
}

/// What lets somebody call a component.
fn to(lowering: &Lowering<'_>, component: &Component) -> NetworkPolicyEgressRule {
    let peer = if component.runs() {
        Some(peer(lowering, component))
    } else {
        // The name of a host may mean any address.
        address(component).map(|address| block(address, None))
    };
    NetworkPolicyEgressRule {
        ports: some(component.ports.values().map(port).collect()),
        to: peer.map(|peer| vec![peer]),
    }
}

/// The range of one address, where the host of an external backing is one.
fn address(component: &Component) -> Option<String> {
    let Kind::Backing {
        outputs,
        external: true,
        ..
    } = &component.kind
    else {
        return None;
    };
    let Some(Output::Text(host)) = outputs.get("host") else {
        return None;
    };
    let address: IpAddr = host.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    Some(format!("{address}/{bits}"))
}

/// What keeps data in several replicas talks among itself.
pub(crate) fn talks_to_itself(component: &Component) -> bool {
    workload::is_stateful(component) && component.most_replicas() > 1
}

fn peer(lowering: &Lowering<'_>, component: &Component) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(selector(metadata::selector(lowering, component))),
        ..NetworkPolicyPeer::default()
    }
}

fn block(cidr: String, except: Option<Vec<String>>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr, except }),
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
    numbered((pod::protocol(port), port.number))
}

fn known<const N: usize>(ports: [(&str, u16); N]) -> Vec<NetworkPolicyPort> {
    ports.map(numbered).into()
}

fn numbered((protocol, number): (&str, u16)) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}

/// Nothing rather than an empty list, which some take for all.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
