//! The health check gets no answer in time.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = facts.answer()?;
    let late = answer.contains("timed out") || answer.contains("Health check exceeded timeout");
    late.then(|| {
        cause(answer)
            .help("raise `timeout:` of the check, or let the program answer sooner")
            .may_follow()
    })
}
