//! The health check fails, with the words of its command.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = facts.answer()?;
    let command = facts.found().and_then(|found| found.health_command.as_ref()?.first());
    Some(
        cause(answer)
            .evidence(command.map(|program| format!("the check runs `{program}`")))
            .may_follow(),
    )
}
