//! The refusals of the cluster to create the pods of a workload.

use jiff::Timestamp;

use super::{
    Facts,
    facts::{event_time, timestamp},
    last_event,
};

/// Returns the time of the first refusal.
pub(super) fn since(facts: &Facts<'_>) -> Option<Timestamp> {
    let (live, name) = (facts.live, &facts.workload.name);
    if let Some(deployment) = live.deployments.get(name) {
        let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
        let failure = conditions
            .iter()
            .find(|condition| condition.type_ == "ReplicaFailure")?;
        return failure.last_transition_time.as_ref().map(timestamp);
    }
    let uid = live.uid(&facts.workload.kind, name)?;
    last_event(live, uid, "FailedCreate").and_then(event_time)
}

/// Returns what follows the name of the pod in a refusal.
pub(super) fn words(message: &str) -> &str {
    message
        .split_once("\" is forbidden: ")
        .map_or(message, |(_, rest)| rest)
}
