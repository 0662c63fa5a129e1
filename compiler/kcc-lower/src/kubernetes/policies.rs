//! Lowers needs to network policies: only components that need another one can
//! connect to it, and routes and public ports are reachable from outside.
//!
//! One policy for the whole system denies all traffic in both directions and allows
//! what every component may use: DNS and the public internet, since fragments do not
//! declare which public servers a component calls, and Docker allows them as well.
//! Private addresses (the rest of the cluster, the cloud's metadata service, the
//! company network) require a need. Policies are additive, so the policy of each
//! component allows the rest.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kcc_model::{Component, Kind, Output, Port};
use kcc_tree::Path;

use crate::kubernetes::metadata::{self, Owner};
use crate::kubernetes::objects::{Attribution, Objects};
use crate::kubernetes::stateful::is_stateful;
use crate::kubernetes::{permissions, pod};
use crate::lowering::Lowering;
use crate::source::Recorder;

const INGRESS: &str = "Ingress";
const EGRESS: &str = "Egress";

/// The reason for closing what no need opens.
const ONLY_NEEDS: &str = "components can connect only to what they need";

const TCP: &str = "TCP";
const UDP: &str = "UDP";

/// The ports of DNS servers. Their addresses differ by cluster: a pod, the node, or
/// outside the cluster.
const DNS: [(&str, u16); 2] = [(UDP, 53), (TCP, 53)];

/// The ports of API servers: that of their Service and the common target port.
const API_SERVER: [(&str, u16); 2] = [(TCP, 443), (TCP, 6443)];

/// All addresses, with the ranges that are not public: private networks,
/// carrier-grade NAT, link-local and loopback addresses.
const PUBLIC_RANGES: [(&str, &[&str]); 2] = [
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

/// Adds the policy that denies all traffic except what every component may use.
pub(super) fn default_deny(lowering: &mut Lowering<'_>, objects: &mut Objects<'_>) {
    if lowering.running().next().is_none() {
        return;
    }
    let name = format!("{}-{}-closed", lowering.system, lowering.target.target);
    let labels = metadata::target_selector(lowering);
    let public = PUBLIC_RANGES.map(|(all, private)| {
        let private = private.iter().map(|range| (*range).to_owned());
        ip_block_peer(all.to_owned(), Some(private.collect()))
    });
    let names = NetworkPolicyEgressRule {
        ports: Some(numbered_ports(DNS)),
        to: None,
    };
    let public = NetworkPolicyEgressRule {
        ports: None,
        to: Some(public.into()),
    };
    let policy = NetworkPolicy {
        metadata: metadata::object(lowering, &name, Some(objects.namespace), Owner::System),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(labels)),
            policy_types: Some(vec![INGRESS.to_owned(), EGRESS.to_owned()]),
            ingress: None,
            egress: Some(vec![names, public]),
        }),
    };
    let attribution = Attribution {
        component: None,
        team: None,
        path: Path::of(["system"]),
        data: false,
    };
    let sources = attribution.sources(lowering);
    sources.paths("metadata.name", vec![Path::of(["system", "name"])]);
    sources.kcc("spec", ONLY_NEEDS);
    objects.add(lowering, &policy, &attribution, &sources);
}

/// Adds the policy of a component: allows its ports to components that need it,
/// routed and public ports to everybody, and its own needs.
pub(super) fn component(
    lowering: &mut Lowering<'_>,
    component: &Component,
    objects: &mut Objects<'_>,
) {
    let attribution = Attribution::component(component);
    let sources = attribution.sources(lowering);
    sources.kcc("spec.podSelector", "kcc identifies its pods by it");
    sources.kcc("spec.policyTypes", ONLY_NEEDS);
    sources.model("spec.ingress", &["ports", "sidecars", ""]);
    let ingress = ingress(lowering, component);
    let egress = egress(lowering, component, &sources.below("spec.egress"));
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
        metadata: metadata::object(lowering, &component.name, Some(objects.namespace), owner),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(metadata::selector(lowering, component))),
            policy_types: Some(types),
            ingress: some(ingress),
            egress: some(egress),
        }),
    };
    objects.add(lowering, &policy, &attribution, &sources);
}

fn ingress(lowering: &Lowering<'_>, component: &Component) -> Vec<NetworkPolicyIngressRule> {
    let mut rules = Vec::new();
    let mut peers: Vec<_> = lowering
        .running()
        .filter(|other| other.needs.contains_key(&component.name))
        .map(|other| peer(lowering, other))
        .collect();
    if is_replicated(component) {
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
        .filter(|(name, port)| {
            port.public || component.routes.values().any(|route| route.port == **name)
        })
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

fn egress(
    lowering: &Lowering<'_>,
    component: &Component,
    sources: &Recorder,
) -> Vec<NetworkPolicyEgressRule> {
    let mut rules = Vec::new();
    let needed = component.needs.keys();
    let needed = needed.filter_map(|name| lowering.target.components.get(name));
    // A rule without a port and an address would allow everything.
    for other in needed.filter(|other| !other.ports.is_empty() || address(other).is_some()) {
        sources
            .element(rules.len())
            .named("", ["needs", &other.name]);
        rules.push(egress_to(lowering, other));
    }
    if is_replicated(component) {
        sources
            .element(rules.len())
            .model("", &["replicas", "scale"]);
        rules.push(egress_to(lowering, component));
    }
    if permissions::has_any(component) {
        sources.element(rules.len()).model("", &["identity.rules"]);
        rules.push(NetworkPolicyEgressRule {
            ports: Some(numbered_ports(API_SERVER)),
            to: None,
        });
    }
    rules
}

/// Adds the policy in the target's namespace that opens the ports of a shared component
/// to the components of the instance that need it. Policies are additive, so nothing of
/// the target changes.
pub(super) fn shared(
    lowering: &mut Lowering<'_>,
    component: &Component,
    (name, namespace): (&str, &str),
    attribution: &Attribution<'_>,
    objects: &mut Objects<'_>,
) {
    let users = lowering.running();
    let users = users.filter(|other| other.needs.contains_key(&component.name));
    let peers = users.map(|user| NetworkPolicyPeer {
        namespace_selector: Some(namespace_selector(objects.namespace)),
        ..peer(lowering, user)
    });
    let peers: Vec<_> = peers.collect();
    if peers.is_empty() {
        // A rule without peers would allow everybody.
        return;
    }
    let policy = NetworkPolicy {
        metadata: metadata::object(
            lowering,
            name,
            Some(namespace),
            Owner::Team(&component.team),
        ),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(metadata::selector(lowering, component))),
            policy_types: Some(vec![INGRESS.to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(peers),
                ports: Some(component.ports.values().map(port).collect()),
            }]),
            egress: None,
        }),
    };
    let sources = attribution.sources(lowering);
    sources.kcc("spec", "an instance shares the component with its target");
    objects.add(lowering, &policy, attribution, &sources);
}

/// Returns the egress rule that allows calling a component.
fn egress_to(lowering: &Lowering<'_>, component: &Component) -> NetworkPolicyEgressRule {
    let peer = if component.runs() {
        Some(target_peer(lowering, component))
    } else {
        // A host name may resolve to any address.
        address(component).map(|address| ip_block_peer(address, None))
    };
    NetworkPolicyEgressRule {
        ports: some(component.ports.values().map(port).collect()),
        to: peer.map(|peer| vec![peer]),
    }
}

/// Returns the address range of an external backing, if its host is an IP address.
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

/// Returns true for a stateful component with several replicas, which may replicate
/// data among themselves.
fn is_replicated(component: &Component) -> bool {
    is_stateful(component) && component.max_replicas() > 1
}

fn peer(lowering: &Lowering<'_>, component: &Component) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(selector(metadata::selector(lowering, component))),
        ..NetworkPolicyPeer::default()
    }
}

/// Returns the pods of a component that is needed: those of the target if it is shared.
fn target_peer(lowering: &Lowering<'_>, component: &Component) -> NetworkPolicyPeer {
    let shared = lowering.shared.contains(&component.name);
    let namespace = lowering.target_namespace().filter(|_| shared);
    NetworkPolicyPeer {
        namespace_selector: namespace.map(namespace_selector),
        ..peer(lowering, component)
    }
}

/// Returns the selector of one namespace, by the label that the API server sets.
fn namespace_selector(namespace: &str) -> LabelSelector {
    let name = "kubernetes.io/metadata.name".to_owned();
    selector([(name, namespace.to_owned())].into())
}

fn ip_block_peer(cidr: String, except: Option<Vec<String>>) -> NetworkPolicyPeer {
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
    numbered_port((pod::protocol(port), port.number))
}

fn numbered_ports<const N: usize>(ports: [(&str, u16); N]) -> Vec<NetworkPolicyPort> {
    ports.map(numbered_port).into()
}

fn numbered_port((protocol, number): (&str, u16)) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}

/// Returns none for an empty list, which some network plugins read as everything.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
