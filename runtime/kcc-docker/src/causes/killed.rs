//! SIGKILL ended the container, and its memory limit was not the reason.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    facts.exited(137, "killed")
}
