//! Networks: what was not asked for as a need is not reachable by its name.
//!
//! A component that others need has a network of its own, on which it answers to
//! its name; those that need it are on that network too, without a name. An
//! undeclared need so fails on the laptop as it would in a cluster whose network
//! enforces policies. A network for each pair would tell even those apart that
//! need the same component, but an engine has addresses for about thirty
//! networks only, and a new need would replace the containers on both ends.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Component, Name};

use super::{Network, labels, prefix};
use crate::lowering::Lowering;

/// The networks of the target.
pub(super) fn all(lowering: &Lowering<'_>) -> BTreeMap<String, Network> {
    let others = lowering.running();
    let needed: BTreeSet<&Name> = others.flat_map(|other| other.needs.keys()).collect();
    let network = |owner: Option<&Component>| Network {
        component: owner.map(|owner| owner.name.clone()),
        labels: labels(lowering, owner),
    };
    let mut networks: BTreeMap<_, _> = lowering
        .running()
        .filter(|component| answers(component, &needed))
        .map(|component| (name(lowering, &component.name), network(Some(component))))
        .collect();
    let rest = prefix(lowering);
    let alone = |component| of(lowering, component, &networks).contains_key(&rest);
    if lowering.running().any(alone) {
        networks.insert(rest, network(None));
    }
    networks
}

/// The networks that a component is on, of all, with the names that it answers
/// to there. Those that connect to nothing in the system share one, for the sake
/// of what is outside.
pub(super) fn of(
    lowering: &Lowering<'_>,
    component: &Component,
    all: &BTreeMap<String, Network>,
) -> BTreeMap<String, Vec<String>> {
    let needs = component.needs.keys();
    let others = needs.map(|other| (name(lowering, other), Vec::new()));
    let own = name(lowering, &component.name);
    let mut networks: BTreeMap<_, _> = others
        .chain([(own, vec![component.name.clone()])])
        .filter(|(network, _)| all.contains_key(network))
        .collect();
    if networks.is_empty() {
        networks.insert(prefix(lowering), Vec::new());
    }
    networks
}

/// Whether anybody may connect to a component from inside the system: others
/// that need it, or its own replicas where each of them keeps data.
fn answers(component: &Component, needed: &BTreeSet<&Name>) -> bool {
    let replicated = component.stateful && component.most_replicas() > 1;
    !component.ports.is_empty() && (replicated || needed.contains(&component.name))
}

fn name(lowering: &Lowering<'_>, component: &str) -> String {
    format!("{}-{component}", prefix(lowering))
}
