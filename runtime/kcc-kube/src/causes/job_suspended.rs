//! A Job is suspended: its pods are not created until somebody resumes it.

use kcc_plan::Cause;

use super::{Facts, cause, job, timestamp};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let (_, suspended) = job::condition(facts, "Suspended")?;
    let name = &facts.workload.name;
    Some(
        cause("it is suspended")
            .evidence(format!("Job `{name}` has `spec.suspend: true`"))
            .help("resume the job, or let kcc apply it again")
            .since(suspended.last_transition_time.as_ref().map(timestamp)),
    )
}
