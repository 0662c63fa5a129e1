//! The kubelet ends the container because its startup probe fails.

use kcc_plan::Cause;

use super::{Facts, probe};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    probe::kills(facts, "Startup", "startup")
}
