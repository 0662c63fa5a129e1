//! The command that runs after the start of a container fails, which ends the container.

use kcc_plan::Cause;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let event = facts.event("FailedPostStartHook")?;
    let exit = facts.exit()?;
    Some(
        cause(exit.describe("the hook after its start fails"))
            .evidence("the kubelet ends a container whose hook fails".to_owned())
            .help("correct the `postStart` hook")
            .since(super::facts::event_time(event)),
    )
}
