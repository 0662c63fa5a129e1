//! A Job has failed as often as it may.

use kcc_plan::Cause;

use super::{Exits, Facts, cause, job, timestamp};
use crate::{causes, pod_container, pods};

pub(super) fn find(facts: &Facts<'_>) -> Option<Cause> {
    let (_, failed) = job::condition(facts, "Failed")?;
    let reason = match failed.reason.as_deref() {
        Some("BackoffLimitExceeded") => "no retries left".to_owned(),
        Some(reason) => format!("failed ({reason})"),
        None => "failed".to_owned(),
    };
    let since = failed.last_transition_time.as_ref().map(timestamp);
    let pods = pods::of_job(facts.live, &facts.workload.name);
    let last = pods.iter().find(|pod| pod_container::has_failed(pod));
    let Some(last) = last else {
        return Some(cause(reason).since(since).is_final());
    };
    let last = causes::of_pod(facts.live, facts.workload, last, Exits::Never);
    let message = format!("{reason}: {}", last.message);
    // The failure of the program itself is that of the Job.
    if last.kind == "exit-code" {
        let help = format!("correct the job, then run `kcc start {}`", facts.component());
        let cause = cause(message).last_log_line(last.last_log_line).evidence(last.evidence).help(help);
        return Some(cause.since(since).is_final());
    }
    Some(Cause { message, ..last }.is_final())
}
