//! A service ended without an error, although it should keep running.

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.exited(0, "a service has to keep running")?;
    Some(cause.help("let the program run in the foreground, or declare a job"))
}
