//! The program ended because a host name does not resolve.

use kcc_plan::{Cause, symptoms};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.logged("a host name does not resolve", &symptoms::NAME_NOT_RESOLVED)?;
    // A component that does not run has no name.
    let help = "declare the component under `needs:`, or correct its name";
    Some(cause.help(help).may_follow())
}
