//! The program ended with an error of its own.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    Some(facts.ended("")?.may_follow())
}
