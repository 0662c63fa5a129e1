//! A shell could not execute the program that it was told to run (exit code 126).

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.exited(126, "a program could not be executed")?;
    Some(cause.help("make the program executable in the image"))
}
