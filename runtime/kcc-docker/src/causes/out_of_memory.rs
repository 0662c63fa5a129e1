//! The kernel ended the container because it used more memory than its limit.

use kcc_plan::Cause;

use super::Facts;
use crate::drift::size;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let found = facts.found().filter(|found| found.out_of_memory)?;
    let evidence = match found.memory {
        Some(limit) => format!("its memory limit is {}", size(limit)),
        None => "it has no memory limit; the host ran out of memory".to_owned(),
    };
    Some(
        facts
            .ended("out of memory")?
            .evidence(evidence)
            .help("raise `resources: memory`, or let the program use less"),
    )
}
