//! The program of the container is a file that nobody, or not this user, may execute.

use kcc_plan::{Cause, symptoms::between};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let program = between(error, "exec: \"", "\"").filter(|_| error.contains("permission denied"))?;
    Some(
        facts
            .cannot_start(&format!("program `{program}` is not executable"))
            .evidence("permission denied for the user of the container".to_owned())
            .help("make the file executable in the image, or correct `command:`"),
    )
}
