//! The pod has to run beside another one, and no node has such a pod.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["didn't match pod affinity rules"])?;
    Some(
        scheduling::cannot_place(facts, "no node runs a pod that it has to run beside")
            .evidence(scheduling::words(message))
            .help("start the other pods first, or relax `placement:`"),
    )
}
