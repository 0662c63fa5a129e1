//! SIGKILL ended the container, and neither its memory limit nor a probe was the reason.

use kcc_plan::Cause;

use super::{Facts, facts::exited};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    exited(facts, 137, "killed")
}
