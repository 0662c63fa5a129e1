//! The image does not have the command of the health check.

use kcc_plan::Cause;

use super::{Facts, probe};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = probe::answer(facts).filter(|_| probe::is_command(facts))?;
    let missing = ["executable file not found", "no such file or directory"];
    if !missing.iter().any(|text| answer.contains(text)) {
        return None;
    }
    let command = facts.probe()?.exec.as_ref()?.command.as_ref()?;
    let program = command.first()?;
    Some(
        probe::fails(facts, &format!("image has no command `{program}`"))
            .evidence(format!("image `{}`", facts.image()))
            .help("correct the command of `health:`, or add it to the image"),
    )
}
