//! The refusals of the scheduler, which several causes tell apart.

use kcc_plan::Cause;
use serde_json::Value;

use super::{Facts, cause, timestamp};
use crate::text::one_line;

/// Returns the scheduler's message if it gives one of some reasons.
pub(super) fn refusal<'a>(facts: &Facts<'a>, reasons: &[&str]) -> Option<&'a str> {
    let message = facts.unschedulable()?;
    reasons
        .iter()
        .any(|reason| message.contains(reason))
        .then_some(message)
}

/// Creates the cause of a pod that fits on no node.
pub(super) fn cannot_place(facts: &Facts<'_>, why: &str) -> Cause {
    let since = facts.condition("PodScheduled");
    let since = since.and_then(|condition| condition.last_transition_time.as_ref());
    cause(format!("pod cannot be scheduled: {why}")).since(since.map(timestamp))
}

/// Returns the first sentence of the scheduler's message, without what preemption adds.
pub(super) fn words(message: &str) -> String {
    one_line(message.split(". ").next().unwrap_or(message))
}

/// Counts the nodes by the value of a label: `2 nodes have amd64`.
pub(super) fn nodes_by_label(facts: &Facts<'_>, label: &str) -> Option<String> {
    let mut values = std::collections::BTreeMap::new();
    let mut nodes = 0;
    for node in facts.objects("Node") {
        nodes += 1;
        let labels = node.pointer("/metadata/labels");
        let value = labels.and_then(|labels| labels.get(label)?.as_str());
        *values.entry(value).or_insert(0) += 1;
    }
    if nodes == 0 {
        return None;
    }
    // The nodes without the label come last.
    let unlabelled = values.remove(&None).map(|count| (None, count));
    let all: Vec<_> = values
        .into_iter()
        .chain(unlabelled)
        .map(|(value, count)| {
            let verb = if count == 1 { "node has" } else { "nodes have" };
            match value {
                Some(value) => format!("{count} {verb} {label}={value}"),
                None => format!("{count} {verb} no label `{label}`"),
            }
        })
        .collect();
    Some(all.join(", "))
}

/// Lists the taints of nodes.
pub(super) fn taints(facts: &Facts<'_>) -> Option<String> {
    let mut all = Vec::new();
    for node in facts.objects("Node") {
        let name = node.pointer("/metadata/name")?.as_str()?;
        let taints = node.pointer("/spec/taints").and_then(Value::as_array);
        for taint in taints.into_iter().flatten() {
            let text = |field: &str| taint.get(field).and_then(Value::as_str).unwrap_or_default();
            let value = match text("value") {
                "" => String::new(),
                value => format!("={value}"),
            };
            all.push(format!(
                "node `{name}` has taint {}{value}:{}",
                text("key"),
                text("effect")
            ));
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}
