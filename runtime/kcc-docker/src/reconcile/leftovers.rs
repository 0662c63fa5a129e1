//! What goes: what an apply left that was killed, and what no fragment asks for
//! any more.

use kcc_plan::{Action, Draft, Prune};

use super::{CONTAINER, NETWORK, Reconciler};
use crate::{
    observed::{ObservedContainer, Ownership, SUCCESSOR, made_for},
    work::Work,
};

/// Why something is removed.
const NO_LONGER: &str = "no longer declared";

impl Reconciler<'_> {
    /// Successors and init steps that an apply left when it was killed.
    pub(super) fn leftovers(&mut self) {
        for (name, container) in &self.observed.containers {
            if self.is_left(name, container) {
                self.remove(name, container, "an apply that was stopped left it", &[]);
            }
        }
    }

    /// Whether it stands only because an apply was killed: nothing is compared
    /// with an init step, so it has no hash.
    fn is_left(&self, name: &str, container: &ObservedContainer) -> bool {
        let successor = name.ends_with(SUCCESSOR);
        let step = container.config_hash.is_none() && name.contains('_');
        let of = match name.strip_suffix(SUCCESSOR) {
            Some(old) => old,
            None => made_for(name),
        };
        container.object.ownership == Ownership::Ours
            && (successor || step)
            && self.docker.containers.contains_key(of)
    }

    /// Removes what no fragment asks for any more; volumes stay, they hold data.
    pub(super) fn prune(&mut self) {
        if self.options.prune == Prune::None {
            return;
        }
        for (name, container) in &self.observed.containers {
            let left = self.is_left(name, container);
            let ours = container.object.ownership == Ownership::Ours;
            if ours && !left && !self.docker.containers.contains_key(name) {
                self.remove(name, container, NO_LONGER, &[]);
            }
        }
        for (name, network) in &self.observed.networks {
            if network.ownership == Ownership::Ours && !self.docker.networks.contains_key(name) {
                let work = Work::RemoveNetwork {
                    id: network.id.clone(),
                };
                let mut draft = Draft::new(Action::Delete, NETWORK, name, NO_LONGER, work);
                for (container, there) in &self.observed.containers {
                    if there.networks.contains_key(name) {
                        draft = draft.after(CONTAINER, container);
                    }
                }
                self.plan.push(draft);
            }
        }
    }
}
