//! A device of the host that the container uses does not exist.

use kcc_plan::{Cause, symptoms::between};

use super::Facts;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let error = facts.start_error()?;
    let device = between(error, "gathering device information while adding custom device \"", "\"")?;
    Some(
        facts
            .cannot_start(&format!("device `{device}` does not exist on the host"))
            .help("attach the device, or correct `devices:`"),
    )
}
