//! The cluster refuses to create pods, for a reason that has no cause of its own.

use kcc_plan::Cause;

use super::{Facts, cause, refused};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let words = one_line(refused::words(facts.refusal?));
    Some(cause(format!("pods cannot be created: {words}")).since(refused::since(facts)))
}
