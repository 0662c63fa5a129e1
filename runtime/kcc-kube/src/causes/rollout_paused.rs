//! The rollout of a Deployment is paused, so that no pod of a new revision is created.

use kcc_plan::Cause;

use super::{Facts, cause, timestamp};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let name = &facts.workload.name;
    let deployment = facts.live.deployments.get(name)?;
    if deployment.spec.as_ref()?.paused != Some(true) {
        return None;
    }
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
    let paused = conditions.into_iter().flatten().find(|condition| {
        condition.reason.as_deref() == Some("DeploymentPaused")
    });
    let since = paused.and_then(|condition| condition.last_transition_time.as_ref());
    Some(
        cause("its rollout is paused")
            .evidence(format!("Deployment `{name}` has `spec.paused: true`"))
            .help(format!("run `kubectl rollout resume deployment {name}`"))
            .since(since.map(timestamp)),
    )
}
