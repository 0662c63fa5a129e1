//! The program of the container does not exist in its image.

use kcc_plan::{Cause, symptoms::between};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let missing = error.contains("executable file not found")
        || error.contains("exec:") && error.contains("no such file or directory");
    if !missing {
        return None;
    }
    let program = between(error, "exec: \"", "\"").unwrap_or("the program");
    let image = &facts.container.image;
    Some(
        facts
            .cannot_start(&format!("program `{program}` does not exist"))
            .evidence(format!("image `{image}` has no such program"))
            .help("correct `command:`, or add the program to the image"),
    )
}
