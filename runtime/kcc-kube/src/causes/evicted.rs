//! The kubelet evicted the pod because it used more of the node than it may.

use kcc_plan::Cause;

use super::{Facts, cause, facts::event_time};
use crate::text::one_line;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let status = facts.pod?.status.as_ref()?;
    let failed = status.phase.as_deref() == Some("Failed");
    let reason = status.reason.as_deref().filter(|_| failed)?;
    let message = status.message.as_deref().map(one_line);
    let node = facts.on_node();
    Some(if reason == "Evicted" {
        cause(format!("pod was evicted{node}"))
            .evidence(message)
            .help("raise the limit that it exceeds, or let the program use less")
            .since(facts.event("Evicted").and_then(event_time))
    } else {
        let why = message.map_or_else(String::new, |message| format!(": {message}"));
        Cause::new("pod-failed", format!("pod failed{node} ({reason}){why}"))
    })
}
