//! A pod of the workload is being removed, and its successor waits for that.

use kcc_plan::Cause;

use super::{Facts, cause, facts::list, timestamp};
use crate::pods;

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let mut own = facts.live.pods.iter();
    let (pod, since) = own.find_map(|pod| {
        let own = pods::component(pod) == Some(facts.component());
        Some((pod, pod.metadata.deletion_timestamp.as_ref().filter(|_| own)?))
    })?;
    let finalizers = pod.metadata.finalizers.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let cause = cause(format!("pod `{name}` is being removed")).since(timestamp(since));
    Some(if finalizers.is_empty() {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
        cause.evidence(node.map(|node| format!("it runs on node `{node}`")))
    } else {
        cause
            .evidence(format!("a finalizer holds it back: {}", list(finalizers)))
            .help("let the owner of the finalizer finish, or remove the finalizer")
    })
}
