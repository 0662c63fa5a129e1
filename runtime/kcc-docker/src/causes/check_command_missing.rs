//! The image does not have the command of the health check.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let answer = facts.answer()?;
    let missing = ["executable file not found", "no such file or directory", ": not found"];
    let is_missing = missing.iter().any(|text| answer.contains(text));
    let command = facts.found()?.health_command.as_ref().filter(|_| is_missing)?;
    // A shell names the program before its words; the runtime names it in quotes.
    let by_shell = answer.strip_suffix(": not found").and_then(|rest| rest.rsplit(": ").next());
    let program = by_shell
        .or_else(|| between(answer, "exec: \"", "\""))
        .or(command.first().map(String::as_str))?;
    Some(
        cause(format!("health check failed: image has no command `{program}`"))
            .evidence(answer.trim_start_matches("health check failed: ").to_owned())
            .help("correct the command of `health:`, or add it to the image"),
    )
}
