//! The health check gets no answer in time.

use kcc_plan::Cause;

use super::{Facts, probe};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = probe::answer(facts)?;
    let late = [
        "context deadline exceeded",
        "Client.Timeout exceeded",
        "i/o timeout",
        "timed out",
    ];
    late.iter().any(|text| answer.contains(text)).then(|| {
        probe::fails(facts, "no answer in time")
            .help("raise `timeout:` of the check, or let the program answer sooner")
            .may_follow()
    })
}
