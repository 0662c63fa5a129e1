//! A volume cannot be mounted, for a reason that has no cause of its own.

use kcc_plan::Cause;

use super::{Facts, cause};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let facts = Some(facts).filter(|facts| facts.is_being_created())?;
    let message = facts
        .event_message("FailedMount")
        .or_else(|| facts.event_message("FailedAttachVolume"))?;
    Some(cause(format!("volume cannot be mounted: {}", one_line(message))))
}
