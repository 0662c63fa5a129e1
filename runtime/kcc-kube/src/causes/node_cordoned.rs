//! Nodes are cordoned: they take no new pods.

use kcc_plan::Cause;

use super::{Facts, facts::list, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["were unschedulable"])?;
    let cordoned: Vec<_> = facts
        .objects("Node")
        .filter(|node| node.pointer("/spec/unschedulable").is_some_and(|is| is == true))
        .filter_map(|node| node.pointer("/metadata/name")?.as_str())
        .collect();
    let help = match cordoned.as_slice() {
        [node, ..] => format!("run `kubectl uncordon {node}`"),
        [] => "uncordon a node".to_owned(),
    };
    let names = (!cordoned.is_empty()).then(|| format!("cordoned: {}", list(&cordoned)));
    Some(
        scheduling::cannot_place(facts, "nodes are cordoned and take no new pods")
            .evidence(names.unwrap_or_else(|| scheduling::words(message)))
            .help(help),
    )
}
