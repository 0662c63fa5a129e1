//! A shell did not find the program that it was told to run (exit code 127).

use kcc_plan::Cause;

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let cause = facts.exited(127, "a program was not found")?;
    Some(cause.help("correct `command:`, or add the program to the image"))
}
