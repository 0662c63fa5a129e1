//! The image cannot be pulled for a reason that has no cause of its own.

use kcc_plan::Cause;

use super::{Facts, pull};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let why = pull::refusal(facts)?;
    Some(pull::cannot_pull(facts, why))
}
