//! The engine cannot start the container, for a reason that has no cause of its own.

use kcc_plan::Cause;

use super::Facts;
use crate::observed::ContainerState;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let never_ran = facts.found()?.state == ContainerState::Created;
    if never_ran {
        return Some(facts.cannot_start(error));
    }
    facts.ended(error)
}
