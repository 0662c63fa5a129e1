//! Plans removals: leftovers of a killed apply, and objects that are no longer
//! declared.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::Name;
use kcc_plan::{Action, Draft, Prune};

use super::{CONTAINER, NETWORK, Reconciler};
use crate::{
    observed::{ObservedContainer, Ownership, SUCCESSOR, base_name},
    payload::Payload,
};

/// The cause of a removal.
const NO_LONGER: &str = "no longer declared";

impl Reconciler<'_> {
    /// Removes successors and init steps that a killed apply left behind.
    pub(super) fn leftovers(&mut self) {
        for (name, container) in &self.observed.containers {
            if self.is_leftover(name, container) {
                self.remove(name, container, "left behind by an interrupted apply", &[]);
            }
        }
    }

    /// Returns true if a container only exists because an apply was killed. An
    /// init step is never compared, so it has no hash.
    fn is_leftover(&self, name: &str, container: &ObservedContainer) -> bool {
        let successor = name.ends_with(SUCCESSOR);
        let step = container.config_hash.is_none() && name.contains('_');
        let of = match name.strip_suffix(SUCCESSOR) {
            Some(old) => old,
            None => base_name(name),
        };
        container.object.ownership == Ownership::Owned
            && (successor || step)
            && self.docker.containers.contains_key(of)
    }

    /// Returns true if undeclared objects of a component are removed: not those that
    /// the work does not concern, and not what is left of a component that is started
    /// by hand, such as a task that has ended. `planned` are the components with a
    /// desired container.
    fn is_pruned(&self, component: Option<&Name>, planned: &BTreeSet<&Name>) -> bool {
        let manual = |name: &Name| {
            let component = self.desired.components.get(name);
            component.is_some_and(|component| component.manual)
        };
        self.options.request.concerns(component)
            && component.is_none_or(|name| !manual(name) || planned.contains(name))
    }

    /// Removes objects that are no longer declared. Volumes stay: they hold data.
    pub(super) fn prune(&mut self) {
        if self.options.prune == Prune::None {
            return;
        }
        let planned = self.docker.containers.values();
        let planned: BTreeSet<_> = planned.map(|container| &container.component).collect();
        let mut users: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (name, container) in &self.observed.containers {
            for network in container.networks.keys() {
                users.entry(network).or_default().push(name);
            }
            let left = self.is_leftover(name, container);
            let owned = container.object.ownership == Ownership::Owned;
            let concerned = self.is_pruned(container.object.component.as_ref(), &planned);
            if owned && concerned && !left && !self.docker.containers.contains_key(name) {
                self.remove(name, container, NO_LONGER, &[]);
            }
        }
        for (name, network) in &self.observed.networks {
            let owned = network.ownership == Ownership::Owned;
            let concerned = self.is_pruned(network.component.as_ref(), &planned);
            if owned && concerned && !self.docker.networks.contains_key(name) {
                let payload = Payload::RemoveNetwork {
                    id: network.id.clone(),
                };
                let mut draft = Draft::new(Action::Delete, NETWORK, name, NO_LONGER, payload);
                for container in users.get(name).into_iter().flatten() {
                    draft = draft.after(CONTAINER, container.as_str());
                }
                self.plan.push(draft);
            }
        }
    }
}
