//! The node cannot create the pod itself: its network, or the runtime that it asks for.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = facts
        .event_message("FailedCreatePodSandBox")
        .filter(|_| facts.is_being_created())?;
    let node = facts.on_node();
    let Some(handler) = between(message, "no runtime for \"", "\" is configured") else {
        let (_, why) = message.rsplit_once(" desc = ").unwrap_or(("", message));
        return Some(cause(format!("pod cannot be created{node}: {}", one_line(why))));
    };
    let class = facts.pod.and_then(|pod| pod.spec.as_ref()?.runtime_class_name.as_ref());
    let evidence = class.map(|class| format!("the pod asks for RuntimeClass `{class}`"));
    Some(
        cause(format!("runtime `{handler}` is not configured{node}"))
            .evidence(evidence)
            .help("install the runtime on the nodes, or choose another RuntimeClass"),
    )
}
