//! The directory of the node that the pod mounts does not exist there.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts.event_message("FailedMount").filter(|_| facts.is_being_created())?;
    let path = between(message, "hostPath type check failed: ", " is not a ")?;
    let (_, kind) = message.rsplit_once(" is not a ")?;
    Some(
        cause(format!("`{path}` is not a {}{}", kind.trim(), facts.on_node()))
            .evidence("the pod mounts this path of its node".to_owned())
            .help("create it on the node, or correct `volumes:`"),
    )
}
