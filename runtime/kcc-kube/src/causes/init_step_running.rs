//! An init step has not ended, and the container waits for it.

use kcc_plan::Cause;

use super::{Facts, cause, timestamp};
use crate::pod_container::Role;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let part = facts.container.filter(|part| part.role == Role::Init)?;
    let running = part.status.state.as_ref()?.running.as_ref()?;
    Some(
        cause("still running")
            .last_log_line(facts.log_line())
            .since(running.started_at.as_ref().map(timestamp))
            .may_follow(),
    )
}
