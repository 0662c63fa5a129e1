//! Plans what was requested by hand. A restart replaces each container by one of the
//! same configuration, in the way that a change would replace it; a start runs what
//! has ended once more.

use std::collections::BTreeSet;

use kcc_lower::docker::Container;
use kcc_model::Name;
use kcc_plan::{Error, RESTART, Request, START, Scope, not_running, outdated};

use super::{Reconciler, decision::Decision};
use crate::observed::{ContainerState, ObservedContainer};

impl Reconciler<'_> {
    /// Fails if a component does not exist, or if a restart would change it: a
    /// container is restarted as it is declared, and the declared one is another.
    pub(super) fn refuse_outdated(&self, components: &BTreeSet<Name>) -> Result<(), Error> {
        let scope = Scope::of(self.desired);
        for component in components {
            let containers = self.docker.containers.iter();
            let own = containers.filter(|(_, container)| container.component == *component);
            let own: Vec<_> = own.collect();
            let exists = |name: &String| self.observed.containers.contains_key(name);
            if !own.iter().any(|(name, _)| exists(name)) {
                return Err(not_running(&scope, component));
            }
            for (name, container) in own {
                let cause = match self.observed.containers.get(name) {
                    None => format!("container `{name}` does not exist"),
                    Some(existing) => match self.decide(container, existing, false) {
                        Decision::Replace(cause) => cause.text,
                        _ => continue,
                    },
                };
                return Err(outdated(&scope, component, &cause));
            }
        }
        Ok(())
    }

    /// Returns true if the work is to start what is started by hand.
    pub(super) fn starts(&self) -> bool {
        matches!(self.options.request, Request::Start(_))
    }

    /// Adjusts a decision to the request: a restart replaces what would otherwise stay,
    /// and a start runs what has ended once more. A container that does not run is
    /// started in any case.
    pub(super) fn requested(
        &self,
        container: &Container,
        existing: &ObservedContainer,
        job: bool,
        decision: Decision,
    ) -> Decision {
        let ended = matches!(
            existing.state,
            ContainerState::Created | ContainerState::Exited(_)
        );
        match (&self.options.request, decision) {
            (Request::Restart(_), Decision::Keep | Decision::Unpause) => {
                Decision::Replace(RESTART.into())
            }
            (Request::Start(_), Decision::Keep) if container.on_demand && ended => {
                Decision::Start(START.into())
            }
            (Request::Start(_), Decision::Keep | Decision::Start(_)) if job && ended => {
                Decision::Replace(START.into())
            }
            (_, decision) => decision,
        }
    }
}
