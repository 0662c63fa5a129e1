//! The program ended because its port is taken inside the container.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let texts = ["address already in use", "address in use", "eaddrinuse"];
    let cause = facts.logged("its port is in use", &texts)?;
    Some(cause.help("let each program of the component listen on a port of its own"))
}
