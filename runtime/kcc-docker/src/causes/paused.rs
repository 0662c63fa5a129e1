//! The container is paused.

use kcc_plan::Cause;

use super::{Facts, cause};
use crate::observed::ContainerState;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    (facts.found()?.state == ContainerState::Paused)
        .then(|| cause("paused").help(format!("run `docker unpause {}`", facts.name)))
}
