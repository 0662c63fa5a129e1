//! The command of the health check fails. Its output is not quoted, because it may
//! contain anything.

use kcc_plan::Cause;

use super::{Facts, probe};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    probe::answer(facts).filter(|_| probe::is_command(facts))?;
    let exec = facts.probe().and_then(|probe| probe.exec.as_ref()?.command.as_ref());
    let program = exec.and_then(|command| command.first());
    let how = match program {
        Some(program) => format!("command `{program}` failed"),
        None => "its command failed".to_owned(),
    };
    Some(probe::fails(facts, &how).may_follow())
}
