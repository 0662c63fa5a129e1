//! No node has as much CPU, memory or another resource free as the pod requests.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kcc_plan::Cause;
use serde_json::Value;

use super::{Facts, scheduling};
use crate::quantity::{amount, shown};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["Insufficient "])?;
    let (_, rest) = message.split_once("Insufficient ")?;
    let resource = rest.split([',', ' ']).next()?.trim_end_matches('.');
    let wanted = requested(facts, resource);
    let what = wanted.map_or_else(
        || resource.to_owned(),
        |wanted| format!("{} {resource}", shown(resource, wanted)),
    );
    let largest = facts
        .objects("Node")
        .filter_map(|node| {
            let name = node.pointer("/metadata/name")?.as_str()?;
            let all = node.pointer("/status/allocatable")?.get(resource);
            let amount = amount(all.and_then(Value::as_str).unwrap_or("0"))?;
            Some((name, amount))
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    let evidence = largest.map(|(name, amount)| match wanted {
        _ if amount == 0.0 => format!("no node has any {resource}"),
        Some(wanted) if amount < wanted => {
            format!("the largest node, `{name}`, has {}", shown(resource, amount))
        }
        _ => format!(
            "the largest node, `{name}`, has {}, most of it requested by other pods",
            shown(resource, amount)
        ),
    });
    Some(
        scheduling::cannot_place(facts, &format!("no node has {what} free"))
            .evidence(evidence.unwrap_or_else(|| scheduling::words(message)))
            .help("lower `resources:`, or add a node"),
    )
}

/// Returns the sum of what the containers of the pod request.
fn requested(facts: &Facts<'_>, resource: &str) -> Option<f64> {
    let spec = facts.pod?.spec.as_ref()?;
    let of = |quantity: &Quantity| amount(&quantity.0);
    let requests = spec.containers.iter().filter_map(|container| {
        let resources = container.resources.as_ref()?;
        let requests = resources.requests.as_ref().and_then(|all| all.get(resource));
        requests.or_else(|| resources.limits.as_ref()?.get(resource)).and_then(of)
    });
    let total: f64 = requests.sum();
    (total > 0.0).then_some(total)
}
