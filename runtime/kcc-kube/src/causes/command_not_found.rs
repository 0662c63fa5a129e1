//! A shell did not find the program that it was told to run (exit code 127).

use kcc_plan::Cause;

use super::{Facts, facts::exited};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    exited(facts, 127, "a program was not found")
        .map(|cause| cause.help("correct `command:`, or add the program to the image"))
}
