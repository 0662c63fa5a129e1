//! The kernel ended the container because it used more memory than its limit.

use kcc_plan::Cause;

use super::{Facts, cause, facts::ended_at};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let exit = facts.exit()?;
    if exit.reason() != "OOMKilled" {
        return None;
    }
    let limits = facts.declared().and_then(|declared| declared.resources.as_ref()?.limits.as_ref());
    let evidence = match limits.and_then(|limits| limits.get("memory")) {
        Some(limit) => format!("its memory limit is {}", limit.0),
        None => "it has no memory limit of its own; the node ran out of memory".to_owned(),
    };
    let how = format!("out of memory (exit code {})", exit.code());
    Some(
        ended_at(facts, &exit, cause(exit.describe(&how)))
            .evidence(evidence)
            .help("raise `resources: memory`, or let the program use less"),
    )
}
