//! A fault in the program itself ended it: a signal such as SIGSEGV.

use kcc_plan::Cause;

use super::{Facts, cause, facts::ended_at};

/// The exit codes of such signals.
const FAULTS: [(i32, &str); 5] = [
    (132, "SIGILL"),
    (134, "SIGABRT"),
    (135, "SIGBUS"),
    (136, "SIGFPE"),
    (139, "SIGSEGV"),
];

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let exit = facts.exit()?;
    let (code, signal) = FAULTS.iter().find(|(code, _)| *code == exit.code())?;
    let how = exit.describe(&format!("the program crashed ({signal}, exit code {code})"));
    Some(ended_at(facts, &exit, cause(how)).last_log_line(facts.log_line()).evidence(facts.restarts()))
}
