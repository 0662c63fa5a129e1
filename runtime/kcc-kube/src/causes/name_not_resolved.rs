//! The program ended because a host name does not resolve.

use kcc_plan::{Cause, symptoms};

use super::{Facts, facts::logged};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = logged(facts, "a host name does not resolve", &symptoms::NAME_NOT_RESOLVED)?;
    // The name of a component may be missing because the component is.
    let help = "declare the component under `needs:`, or correct its name";
    Some(cause.help(help).may_follow())
}
