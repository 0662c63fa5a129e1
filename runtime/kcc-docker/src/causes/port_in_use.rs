//! The program ended because its port is taken inside the container.

use kcc_plan::{Cause, symptoms};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.logged("its port is in use", &symptoms::PORT_IN_USE)?;
    Some(cause.help("let each program of the component listen on a port of its own"))
}
