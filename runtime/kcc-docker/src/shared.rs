//! [`Sharing`]: the components that an instance shares, as its target runs them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lower::{
    Desired,
    docker::{DockerDesired, name_prefix},
};
use kcc_model::Name;
use kcc_plan::{Address, ComponentStatus, Refusal, Scope, shared_not_running};

/// The shared components as the target runs them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sharing {
    pub(crate) components: BTreeMap<Name, Replicas>,
    /// The identities of the networks on which they are reachable, by name.
    pub(crate) networks: BTreeMap<String, String>,
}

/// The replicas of a component that the target has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replicas {
    pub(crate) all: u32,
    pub(crate) running: u32,
    pub(crate) addresses: Vec<Address>,
}

impl Sharing {
    /// Refuses the shared components that no container could reach.
    pub(crate) fn refusals(&self, desired: &Desired, docker: &DockerDesired) -> Vec<Refusal> {
        let scope = Scope::of(desired);
        let prefix = name_prefix(&scope.system, &scope.target, None);
        let containers = docker.containers.values();
        let used: BTreeSet<_> = containers.flat_map(|one| one.networks.keys()).collect();
        let missing = |name: &&Name| {
            let network = format!("{prefix}-{name}");
            let unreachable = used.contains(&network) && !self.networks.contains_key(&network);
            let replicas = self.components.get(*name);
            unreachable || replicas.is_none_or(|replicas| replicas.running == 0)
        };
        let missing = desired.shared.keys().filter(missing);
        missing
            .map(|name| shared_not_running(&scope, name))
            .collect()
    }

    /// Returns the status of each shared component.
    pub(crate) fn statuses(&self, desired: &Desired) -> BTreeMap<Name, ComponentStatus> {
        let scope = Scope::of(desired);
        let none = Replicas::default();
        let shared = desired.shared.iter().map(|(name, shared)| {
            let replicas = self.components.get(name).unwrap_or(&none);
            let counts = (replicas.running, replicas.all);
            let mut status = ComponentStatus::shared(&scope, &shared.team, counts);
            status.addresses.clone_from(&replicas.addresses);
            (name.clone(), status)
        });
        shared.collect()
    }
}
