//! Nodes have a taint that the pod does not tolerate.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["untolerated taint"])?;
    Some(
        scheduling::cannot_place(facts, "it does not tolerate the taints of nodes")
            .evidence(scheduling::taints(facts).unwrap_or_else(|| scheduling::words(message)))
            .help("add a toleration under `placement:`, or remove the taint"),
    )
}
