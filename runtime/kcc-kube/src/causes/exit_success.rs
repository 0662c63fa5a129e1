//! A service ended without an error, although it should keep running.

use kcc_plan::Cause;

use super::{Exits, Facts, facts::exited};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    if facts.exits == Exits::Retried {
        return None;
    }
    exited(facts, 0, "a service has to keep running")
        .map(|cause| cause.help("let the program run in the foreground, or declare a job"))
}
