//! The program ended because its port is taken.

use kcc_plan::{Cause, symptoms};

use super::{Facts, facts::logged};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = logged(facts, "its port is in use", &symptoms::PORT_IN_USE)?;
    Some(cause.help("let each program of the pod listen on a port of its own"))
}
