//! No node takes the pod, for a reason that has no cause of its own.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.unschedulable()?;
    Some(scheduling::cannot_place(facts, &scheduling::words(message)))
}
