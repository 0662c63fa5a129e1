//! The conditions of a Job.

use k8s_openapi::api::batch::v1::{Job, JobCondition};

use super::Facts;

/// Returns the Job of a component, with a condition that is true.
pub(super) fn condition<'a>(facts: &Facts<'a>, kind: &str) -> Option<(&'a Job, &'a JobCondition)> {
    let job = facts.live.jobs.get(&facts.workload.name)?;
    let mut all = job.status.as_ref()?.conditions.iter().flatten();
    let found = all.find(|condition| condition.type_ == kind && condition.status == "True")?;
    Some((job, found))
}
