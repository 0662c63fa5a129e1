//! Lowers needs to networks, so that a component is reachable only with a need.
//!
//! Each component that others need has a network on which its name resolves; the
//! components that need it join that network without a name. An undeclared need
//! therefore fails on Docker as it does in a cluster that enforces `NetworkPolicies`.
//! One network per pair would also separate the components that need the same one,
//! but Docker has addresses for only about thirty networks by default, and a new
//! need would replace the containers on both sides.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Component, Name};
use kcc_tree::Path;

use super::Network;
use super::label;
use super::names::{self, labels, prefix, target_prefix};
use crate::lowering::Lowering;
use crate::source::Recorder;

/// Returns the networks of the target.
pub(super) fn all(lowering: &mut Lowering<'_>) -> BTreeMap<String, Network> {
    let others = lowering.running();
    let needed: BTreeSet<&Name> = others.flat_map(|other| other.needs.keys()).collect();
    let network = |owner: Option<&Component>| Network {
        component: owner.map(|owner| owner.name.clone()),
        labels: labels(lowering, owner),
    };
    let mut networks: BTreeMap<_, _> = lowering
        .running()
        .filter(|component| accepts_connections(component, &needed))
        .map(|component| {
            (
                network_name(lowering, &component.name),
                network(Some(component)),
            )
        })
        .collect();
    let shared = prefix(lowering);
    let is_isolated =
        |component| of_component(lowering, component, &networks).contains_key(&shared);
    if lowering.running().any(is_isolated) {
        networks.insert(shared, network(None));
    }
    for (name, network) in &networks {
        let owner = network.component.as_ref();
        let owner = owner.and_then(|owner| lowering.target.components.get(owner));
        let sources = match owner {
            Some(owner) => names::record(owner),
            None => Recorder::at(Path::of(["system", "name"])),
        };
        sources.kcc("labels", label::IDENTITY);
        lowering.record("network", name, sources.finish());
    }
    networks
}

/// Records the networks of a component's container: its own, and those of the
/// components that it needs.
pub(super) fn record(lowering: &Lowering<'_>, component: &Component, sources: &Recorder) {
    let sources = sources.component();
    sources.model("networks", &[""]);
    if !component.aliases.is_empty() {
        let own = network_name(lowering, &component.name);
        let own = sources.below("networks").entry(&own);
        own.model("", &["aliases", ""]);
    }
    for need in component.needs.keys() {
        let network = sources
            .below("networks")
            .entry(&network_name(lowering, need));
        network.named("", ["needs", need]);
    }
}

/// Returns the networks of a component with its aliases on each. Components that
/// connect to no other share one network, which still reaches the outside.
pub(super) fn of_component(
    lowering: &Lowering<'_>,
    component: &Component,
    all: &BTreeMap<String, Network>,
) -> BTreeMap<String, Vec<String>> {
    if component.host_network {
        return BTreeMap::new();
    }
    let needs = component.needs.keys();
    let others = needs.map(|other| (network_name(lowering, other), Vec::new()));
    let own = network_name(lowering, &component.name);
    let name = std::slice::from_ref(&component.name);
    let names = [name, &component.aliases[..]].concat();
    let shared: BTreeSet<_> = lowering
        .shared()
        .filter(|other| other.runs() && !other.host_network && !other.ports.is_empty())
        .map(|other| network_name(lowering, &other.name))
        .collect();
    let mut networks: BTreeMap<_, _> = others
        .chain([(own, names)])
        .filter(|(network, _)| all.contains_key(network) || shared.contains(network))
        .collect();
    if networks.is_empty() {
        networks.insert(prefix(lowering), Vec::new());
    }
    networks
}

/// Returns the names of needed components that use the network of the host.
pub(super) fn on_host(lowering: &Lowering<'_>, component: &Component) -> Vec<String> {
    let needs = component.needs.keys();
    let needed = needs.filter_map(|need| lowering.target.components.get(need));
    needed
        .filter(|other| other.runs() && other.host_network)
        .flat_map(|other| std::iter::once(&other.name).chain(&other.aliases))
        .cloned()
        .collect()
}

/// Reports what a component on the network of the host cannot have: needs that only a
/// network of the engine could resolve, and ports under another number.
pub(super) fn check_host_network(lowering: &mut Lowering<'_>, component: &Component) {
    if !component.host_network {
        return;
    }
    for (name, port) in &component.ports {
        if port
            .expose
            .number()
            .is_some_and(|number| number != port.number)
        {
            let path = component.port_path(name).join("expose");
            lowering.unsupported(
                &path,
                format!(
                    "`{path}` has no effect: `{}` uses the network of the host, whose port {} it is",
                    component.path, port.number
                ),
                "remove it, or remove `hostNetwork`",
            );
        }
    }
    for need in component.needs.keys() {
        let other = lowering.target.components.get(need);
        let inside =
            |other: &Component| other.runs() && !other.host_network && !other.ports.is_empty();
        if !other.is_some_and(inside) {
            continue;
        }
        lowering.unsupported(
            &component.path.join("needs").join(need),
            format!(
                "`{}` uses the network of the host, where the name `{need}` does not resolve",
                component.path
            ),
            format!(
                "write `on: {}: {}: hostNetwork: false`",
                lowering.target.target,
                component.path.0.join(": ")
            ),
        );
    }
}

/// Returns true if something in the system may connect to a component: others that
/// need it, or its own replicas if it is stateful.
fn accepts_connections(component: &Component, needed: &BTreeSet<&Name>) -> bool {
    let replicated = component.stateful && component.max_replicas() > 1;
    let own = !component.host_network && !component.ports.is_empty();
    own && (replicated || needed.contains(&component.name))
}

/// Returns the name of a component's network: that of the target if it is shared.
fn network_name(lowering: &Lowering<'_>, component: &str) -> String {
    let prefix = if lowering.shared.contains(component) {
        target_prefix(lowering)
    } else {
        prefix(lowering)
    };
    format!("{prefix}-{component}")
}
