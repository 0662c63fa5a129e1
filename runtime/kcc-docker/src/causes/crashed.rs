//! A fault in the program itself ended it: a signal such as SIGSEGV.

use kcc_plan::{Cause, symptoms};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let signal = symptoms::fault(facts.exit?.code?)?;
    facts.ended(&format!("the program crashed ({signal})"))
}
