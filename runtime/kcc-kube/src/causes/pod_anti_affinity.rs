//! The pod may not run beside another one, and no node is without one.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["anti-affinity rules"])?;
    let nodes = facts.objects("Node").count();
    let counted = (nodes > 0).then(|| {
        let noun = if nodes == 1 { "node" } else { "nodes" };
        format!("the cluster has {nodes} {noun}")
    });
    Some(
        scheduling::cannot_place(facts, "each node has a pod that it may not run beside")
            .evidence(counted.unwrap_or_else(|| scheduling::words(message)))
            .help("run fewer replicas, add a node, or relax `placement:`"),
    )
}
