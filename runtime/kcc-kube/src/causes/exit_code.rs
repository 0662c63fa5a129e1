//! The program ended with an error of its own.

use kcc_plan::Cause;

use super::{Facts, cause, facts::ended_at};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let exit = facts.exit()?;
    let code = exit.code();
    let how = match exit.reason() {
        "Error" | "Completed" | "" => format!("exit code {code}"),
        reason => format!("exit code {code} ({reason})"),
    };
    let cause = ended_at(facts, &exit, cause(exit.describe(&how)));
    Some(cause.last_log_line(facts.log_line()).evidence(facts.restarts()).may_follow())
}
