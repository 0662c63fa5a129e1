//! A fault in the program itself ended it: a signal such as SIGSEGV.

use kcc_plan::Cause;

use super::Facts;

/// The exit codes of such signals.
const FAULTS: [(i64, &str); 5] = [
    (132, "SIGILL"),
    (134, "SIGABRT"),
    (135, "SIGBUS"),
    (136, "SIGFPE"),
    (139, "SIGSEGV"),
];

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let code = facts.exit?.code?;
    let (_, signal) = FAULTS.iter().find(|(fault, _)| *fault == code)?;
    facts.ended(&format!("the program crashed ({signal})"))
}
