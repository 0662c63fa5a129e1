//! A shell could not execute the program that it was told to run (exit code 126).

use kcc_plan::Cause;

use super::{Facts, facts::exited};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    exited(facts, 126, "a program could not be executed")
        .map(|cause| cause.help("make the program executable in the image"))
}
