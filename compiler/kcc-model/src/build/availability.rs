//! Decodes `scale`, `rollout`, `disruption` and `placement`.

use kcc_diag::Code;
use kcc_tree::Value;

use super::{Cursor, TargetContext, labels};
use crate::{Disruption, Placement, Rollout, Scale, Share, Spread, Strategy, Toleration};

/// Decodes `scale`; none if `min` or `max` is missing, which is reported.
pub(crate) fn scale(node: &Cursor<'_>) -> Option<Scale> {
    let node = node.child("scale")?;
    let end = |field: &str| {
        let Some(end) = node.child(field) else {
            let help = "write `scale: {min: 2, max: 10}`";
            node.report_missing(&format!("`{field}`"), help);
            return None;
        };
        end.number()
    };
    let (min, max) = (end("min"), end("max"));
    let percent = |field| node.child(field)?.number();
    Some(Scale {
        min: min?,
        max: max?,
        cpu: percent("cpu"),
        memory: percent("memory"),
    })
}

/// Decodes `rollout` except its durations.
pub(crate) fn rollout(node: &Cursor<'_>) -> Rollout {
    let Some(node) = node.child("rollout") else {
        return Rollout::default();
    };
    let strategy = |name: &str| match name {
        "rolling" => Some(Strategy::Rolling),
        "recreate" => Some(Strategy::Recreate),
        _ => None,
    };
    Rollout {
        strategy: one_of(&node, "strategy", &["rolling", "recreate"], strategy),
        surge: share(&node, "surge"),
        unavailable: share(&node, "unavailable"),
        pre_stop: node
            .child("preStop")
            .and_then(|command| command.text_list())
            .filter(|command| !command.is_empty()),
    }
}

/// Decodes `disruption`.
pub(crate) fn disruption(node: &Cursor<'_>) -> Option<Disruption> {
    let node = node.child("disruption")?;
    let min = share(&node, "minAvailable").map(Disruption::MinAvailable);
    min.or_else(|| share(&node, "maxUnavailable").map(Disruption::MaxUnavailable))
}

/// Decodes `placement`.
pub(crate) fn placement(cx: &TargetContext<'_>, node: &Cursor<'_>) -> Placement {
    let Some(node) = node.child("placement") else {
        return Placement::default();
    };
    let spread = |name: &str| match name {
        "node" => Some(Spread::Node),
        "zone" => Some(Spread::Zone),
        "none" => Some(Spread::None),
        _ => None,
    };
    let tolerations = node.child("tolerations");
    Placement {
        spread: one_of(&node, "spread", &["node", "zone", "none"], spread),
        priority_class: node.child("priorityClass").and_then(|name| name.text()),
        nodes: labels::decode_node_labels(cx, &node),
        tolerations: tolerations
            .iter()
            .flat_map(|all| all.fields().collect::<Vec<_>>())
            .map(|(key, node)| (key.to_owned(), toleration(&node)))
            .collect(),
    }
}

fn toleration(node: &Cursor<'_>) -> Toleration {
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let effect = |name: &str| effects.contains(&name).then(|| name.to_owned());
    Toleration {
        value: node.child("value").and_then(|value| value.text()),
        effect: one_of(node, "effect", &effects, effect),
    }
}

/// Decodes a field that takes one of a few keywords.
fn one_of<T>(
    node: &Cursor<'_>,
    field: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let field = node.child(field)?;
    let text = field.text()?;
    let found = read(&text);
    if found.is_none() {
        let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
        let message = format!(
            "`{}`: expected one of {}, found `{text}`",
            field.path,
            known.join(", ")
        );
        field.report(field.error(Code::EvalOutOfBounds, message, "unknown value"));
    }
    found
}

/// Decodes a number of replicas, or a percentage such as `25%`.
fn share(node: &Cursor<'_>, field: &str) -> Option<Share> {
    let field = node.child(field)?;
    let Value::String(text) = &field.node.value else {
        return field.number().map(Share::Count);
    };
    let percent = text
        .strip_suffix('%')
        .and_then(|digits| digits.parse().ok());
    match percent {
        Some(percent) if percent <= 100 => Some(Share::Percent(percent)),
        _ => {
            let message = format!(
                "`{}`: expected a number or a percentage, found `{text}`",
                field.path
            );
            let error = field.error(
                Code::ModelBadQuantity,
                message,
                "not a number or a percentage",
            );
            field.report(
                error.help("write a number such as `1`, or a percentage such as `\"25%\"`"),
            );
            None
        }
    }
}
