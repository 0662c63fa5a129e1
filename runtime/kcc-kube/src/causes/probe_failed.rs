//! The health check fails with an answer that has no cause of its own.

use kcc_plan::Cause;

use super::{Facts, probe};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = probe::answer(facts)?;
    Some(probe::fails(facts, &one_line(answer)).may_follow())
}
