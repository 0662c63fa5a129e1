//! A `LimitRange` of the namespace forbids the resources of the pods.

use kcc_plan::Cause;

use super::{Facts, cause, facts::list, refused};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.refusal?;
    let limits = ["maximum ", "minimum "];
    let words = refused::words(message);
    let is_range = words.contains(" usage per ") || words.contains("limit to request ratio");
    if !is_range || !limits.iter().any(|word| words.contains(word)) && !words.contains("ratio") {
        return None;
    }
    let names = facts.names("LimitRange").filter(|names| !names.is_empty());
    let words = words.trim_start_matches('[').trim_end_matches(']');
    Some(
        cause(format!("pods cannot be created: {}", one_line(words)))
            .evidence(names.map(|names| format!("LimitRange of the namespace: {}", list(&names))))
            .help("set `resources:` within the range")
            .since(refused::since(facts)),
    )
}
