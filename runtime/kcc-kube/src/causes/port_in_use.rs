//! The program ended because its port is taken.

use kcc_plan::Cause;

use super::{Facts, facts::logged};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let texts = ["address already in use", "address in use", "eaddrinuse"];
    let cause = logged(facts, "its port is in use", &texts)?;
    Some(cause.help("let each program of the pod listen on a port of its own"))
}
