//! The node of the pod does not report to the cluster any more.

use kcc_plan::Cause;
use serde_json::Value;

use super::{Facts, cause};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let node = facts.node()?;
    let (name, taints) = ("node.kubernetes.io/unreachable", "/spec/taints");
    let object = facts.object("Node", node);
    let condition = object.and_then(|object| {
        let conditions = object.pointer("/status/conditions")?.as_array()?;
        conditions.iter().find(|condition| condition["type"] == "Ready")
    });
    let status = condition.and_then(|condition| condition["status"].as_str());
    let tainted = object
        .and_then(|object| object.pointer(taints)?.as_array())
        .is_some_and(|all| all.iter().any(|taint| taint["key"] == name));
    let lost = matches!(status, Some("Unknown" | "False")) || tainted || facts.event("NodeNotReady").is_some();
    if !lost {
        return None;
    }
    let since = condition.and_then(|condition| condition["lastTransitionTime"].as_str()?.parse().ok());
    let why = condition.and_then(|condition| condition["message"].as_str());
    Some(
        cause(format!("node `{node}` is not ready"))
            .evidence(why.map(|why| why.trim_end_matches('.').to_owned()).filter(|why| !why.is_empty()))
            .help("repair the node, or remove it so that its pods start elsewhere")
            .since(since.or_else(|| {
                let taint = object?.pointer(taints).and_then(Value::as_array)?;
                taint.iter().find_map(|taint| taint["timeAdded"].as_str()?.parse().ok())
            })),
    )
}
