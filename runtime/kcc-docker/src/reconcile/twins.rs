//! Networks of one name: an engine that was still making one for an apply that
//! was killed lets the next apply make it again. Containers are on networks by
//! name, and the engine would know neither by it.

use kcc_plan::{Action, Draft};

use super::{NETWORK, Reconciler};
use crate::{
    observed::{ObservedObject, Ownership},
    work::Work,
};

impl Reconciler<'_> {
    /// Removes all but one of each name.
    pub(super) fn twins(&mut self) {
        for (name, twin) in &self.observed.twins {
            if twin.ownership == Ownership::Ours {
                let cause = "an apply that was stopped left it beside another one";
                self.plan.push(twin_removal(name, twin, cause));
            }
        }
    }
}

/// Removes a network that shares its name with another one, which stays.
pub(super) fn twin_removal(name: &str, twin: &ObservedObject, cause: &str) -> Draft<Work> {
    let work = Work::RemoveNetwork {
        id: twin.id.clone(),
    };
    Draft::new(Action::Delete, NETWORK, twin_name(name, twin), cause, work)
}

/// How such a network is told apart.
pub(super) fn twin_name(name: &str, twin: &ObservedObject) -> String {
    format!("{name} ({:.12})", twin.id)
}
