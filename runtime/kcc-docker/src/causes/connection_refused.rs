//! The program ended because another one did not accept its connection.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let texts = ["connection refused", "econnrefused"];
    let cause = facts.logged("a connection was refused", &texts)?;
    Some(cause.may_follow())
}
