//! Removes networks that share a name. They appear when the engine is still
//! creating a network for a killed apply and the next apply creates it again.
//! Containers join networks by name, so the engine could not tell them apart.

use kcc_plan::{Action, Draft};

use super::{NETWORK, Reconciler};
use crate::{
    observed::{ObservedObject, Ownership},
    payload::Payload,
};

impl Reconciler<'_> {
    /// Removes all but one network of each name.
    pub(super) fn duplicates(&mut self) {
        for (name, duplicate) in &self.observed.duplicates {
            if duplicate.ownership == Ownership::Owned {
                let cause = "duplicate left behind by an interrupted apply";
                self.plan.push(duplicate_removal(name, duplicate, cause));
            }
        }
    }
}

/// Drafts the removal of a network that shares its name with one that stays.
pub(super) fn duplicate_removal(
    name: &str,
    duplicate: &ObservedObject,
    cause: &str,
) -> Draft<Payload> {
    let payload = Payload::RemoveNetwork {
        id: duplicate.id.clone(),
    };
    Draft::new(
        Action::Delete,
        NETWORK,
        duplicate_name(name, duplicate),
        cause,
        payload,
    )
}

/// Returns a name that distinguishes a duplicate.
pub(super) fn duplicate_name(name: &str, duplicate: &ObservedObject) -> String {
    format!("{name} ({:.12})", duplicate.id)
}
