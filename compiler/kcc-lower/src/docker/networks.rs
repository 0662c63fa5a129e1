//! Networks: what was not asked for as a need is not reachable by its name.
//!
//! A component that others need has a network of its own, on which it answers to
//! its name; those that need it are on that network too, without a name. An
//! undeclared need so fails on the laptop as it would in a cluster whose network
//! enforces policies. A network for each pair would tell even those apart that
//! need the same component, but an engine has addresses for about thirty
//! networks only, and a new need would replace the containers on both ends.

use std::collections::BTreeMap;

use kcc_model::Component;

use super::{Network, labels, prefix};
use crate::lowering::Lowering;

/// The networks of the target.
pub(super) fn all(lowering: &Lowering<'_>) -> BTreeMap<String, Network> {
    let mut networks = BTreeMap::new();
    let mut add = |name: String, owner: Option<&Component>| {
        let network = Network {
            component: owner.map(|owner| owner.name.clone()),
            labels: labels(lowering, owner),
        };
        networks.insert(name, network);
    };
    for component in lowering.running() {
        if answers(lowering, component) {
            add(name(lowering, component), Some(component));
        }
        let rest = prefix(lowering);
        if of(lowering, component).contains_key(&rest) {
            add(rest, None);
        }
    }
    networks
}

/// The networks that a component is on, with the names that it answers to there.
/// Those that connect to nothing in the system share one, for the sake of what
/// is outside.
pub(super) fn of(lowering: &Lowering<'_>, component: &Component) -> BTreeMap<String, Vec<String>> {
    let mut networks: BTreeMap<_, _> = lowering
        .running()
        .filter(|other| component.needs.contains_key(&other.name) && answers(lowering, other))
        .map(|other| (name(lowering, other), Vec::new()))
        .collect();
    if answers(lowering, component) {
        networks.insert(name(lowering, component), vec![component.name.clone()]);
    }
    if networks.is_empty() {
        networks.insert(prefix(lowering), Vec::new());
    }
    networks
}

/// Whether anybody may connect to a component from inside the system: others
/// that need it, or its own replicas where each of them keeps data.
fn answers(lowering: &Lowering<'_>, component: &Component) -> bool {
    let needed = || {
        let mut others = lowering.running();
        others.any(|other| other.needs.contains_key(&component.name))
    };
    let replicated = component.stateful && component.most_replicas() > 1;
    !component.ports.is_empty() && (replicated || needed())
}

fn name(lowering: &Lowering<'_>, component: &Component) -> String {
    format!("{}-{}", prefix(lowering), component.name)
}
