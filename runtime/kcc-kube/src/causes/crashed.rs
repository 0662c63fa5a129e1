//! A fault in the program itself ended it: a signal such as SIGSEGV.

use kcc_plan::{Cause, symptoms};

use super::{Facts, cause, facts::ended_at};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let exit = facts.exit()?;
    let code = exit.code();
    let signal = symptoms::fault(code.into())?;
    let how = exit.describe(&format!("the program crashed ({signal}, exit code {code})"));
    Some(ended_at(facts, &exit, cause(how)).last_log_line(facts.log_line()).evidence(facts.restarts()))
}
