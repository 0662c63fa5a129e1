//! The port of the health check speaks another protocol than HTTP.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = facts.answer()?;
    answer
        .ends_with("does not speak HTTP")
        .then(|| cause(answer).help("check a TCP port with `health: tcp`, or correct `port:`"))
}
