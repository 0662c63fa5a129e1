//! The health check gets an answer, but not the status that it expects.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = facts.answer()?;
    let (_, status) = answer.rsplit_once(" returned ")?;
    answer.starts_with("GET ").then(|| {
        let cause = cause(answer);
        match status {
            "404" => cause.help("correct the path of `health:`"),
            "401" | "403" => cause.help("let the path of `health:` answer without a login"),
            // A service may answer so because it cannot work without another one.
            _ => cause.may_follow(),
        }
    })
}
