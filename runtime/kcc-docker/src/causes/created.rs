//! The container was created and never started: an apply was interrupted, or what it
//! waits for did not come.

use kcc_plan::Cause;

use super::{Facts, cause};
use crate::observed::ContainerState;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    (facts.found()?.state == ContainerState::Created)
        .then(|| cause("not started").help("run `kcc apply`").may_follow())
}
