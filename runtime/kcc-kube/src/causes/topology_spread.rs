//! The pod cannot be spread as it asks to be.

use kcc_plan::Cause;

use super::{Facts, scheduling};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let message = scheduling::refusal(facts, &["topology spread constraints"])?;
    let constraints = facts.pod?.spec.as_ref()?.topology_spread_constraints.as_ref();
    let key = constraints.and_then(|all| all.first()).map(|one| one.topology_key.as_str());
    let why = match key {
        Some(key) => format!("it cannot be spread over `{key}`"),
        None => "it cannot be spread as it asks to be".to_owned(),
    };
    let evidence = key.and_then(|key| scheduling::nodes_by_label(facts, key));
    Some(
        scheduling::cannot_place(facts, &why)
            .evidence(evidence.unwrap_or_else(|| scheduling::words(message)))
            .help("label the nodes, or relax `placement: spread`"),
    )
}
