//! The health check gets an answer, but not the status that it expects.

use kcc_plan::Cause;

use super::{Facts, probe};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = probe::answer(facts)?;
    let (_, status) = answer.split_once("probe failed with statuscode: ")?;
    let status = status.trim();
    let cause = probe::fails(facts, &format!("status {status}"));
    Some(match status {
        "404" => cause.help("correct the path of `health:`"),
        "401" | "403" => cause.help("let the path of `health:` answer without a login"),
        // A service may answer so because it cannot work without another one.
        _ => cause.may_follow(),
    })
}
