//! The pod refers to a Secret that does not exist.

use kcc_plan::Cause;

use super::{Facts, reference};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    reference::missing(facts, "Secret", "secret")
}
