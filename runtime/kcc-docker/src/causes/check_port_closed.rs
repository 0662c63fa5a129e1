//! Nothing listens on the port of the health check.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = facts.answer()?;
    answer.starts_with("nothing is listening").then(|| {
        cause(answer)
            .last_log_line(facts.log_line())
            .help("let the program listen on that port on all addresses, or correct `port:`")
            .may_follow()
    })
}
