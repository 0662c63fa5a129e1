//! The container does not exist.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let absent = facts.found().is_none();
    absent.then(|| cause(format!("container `{}` does not exist", facts.name)).may_follow())
}
