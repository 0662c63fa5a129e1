//! A Job did not end within its deadline.

use kcc_plan::Cause;

use super::{Facts, cause, job, timestamp};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let (job, failed) = job::condition(facts, "Failed")?;
    if failed.reason.as_deref() != Some("DeadlineExceeded") {
        return None;
    }
    let limit = job.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
    Some(
        cause("deadline exceeded")
            .evidence(limit.map(|limit| format!("it may run for {limit} s")))
            .help("raise `deadline:`, or let the job do less")
            .since(failed.last_transition_time.as_ref().map(timestamp))
            .is_final(),
    )
}
