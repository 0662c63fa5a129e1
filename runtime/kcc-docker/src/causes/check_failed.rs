//! The health check fails, with the words of its command.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    Some(cause(facts.answer()?).may_follow())
}
