//! No node has the labels that the pod asks for.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(
        facts,
        &["didn't match Pod's node affinity/selector", "didn't match node selector"],
    )?;
    let wanted = wanted(facts);
    let Some((label, _)) = wanted.first() else {
        return Some(scheduling::cannot_place(facts, &scheduling::words(message)));
    };
    let all: Vec<_> = wanted
        .iter()
        .map(|(label, values)| match values.as_slice() {
            [] => format!("label `{label}`"),
            [value] => format!("{label}={value}"),
            values => format!("{label} in ({})", values.join(", ")),
        })
        .collect();
    let lacking = wanted
        .iter()
        .find(|(label, values)| !facts.objects("Node").any(|node| has(node, label, values)))
        .map_or(label, |(label, _)| label);
    Some(
        scheduling::cannot_place(facts, &format!("no node has {}", all.join(" and ")))
            .evidence(scheduling::nodes_by_label(facts, lacking))
            .help("label a node, or correct `placement:`"),
    )
}

fn has(node: &serde_json::Value, label: &str, values: &[String]) -> bool {
    let labels = node.pointer("/metadata/labels");
    let value = labels.and_then(|labels| labels.get(label)?.as_str());
    value.is_some_and(|value| values.is_empty() || values.iter().any(|one| one == value))
}

/// Returns the labels that the pod asks for, with the values that it accepts.
fn wanted(facts: &Facts<'_>) -> Vec<(String, Vec<String>)> {
    let Some(spec) = facts.pod.and_then(|pod| pod.spec.as_ref()) else {
        return Vec::new();
    };
    let selector = spec.node_selector.iter().flatten();
    let mut all: Vec<_> = selector
        .map(|(label, value)| (label.clone(), vec![value.clone()]))
        .collect();
    let required = spec.affinity.as_ref().and_then(|affinity| {
        let nodes = affinity.node_affinity.as_ref()?;
        nodes.required_during_scheduling_ignored_during_execution.as_ref()
    });
    let terms = required.into_iter().flat_map(|required| &required.node_selector_terms);
    let expressions = terms.flat_map(|term| term.match_expressions.iter().flatten());
    all.extend(
        expressions
            .filter(|expression| matches!(expression.operator.as_str(), "In" | "Exists"))
            .map(|expression| {
                let values = expression.values.clone().unwrap_or_default();
                (expression.key.clone(), values)
            }),
    );
    all
}
