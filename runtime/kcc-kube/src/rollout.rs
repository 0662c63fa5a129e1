//! Determines if the workloads of a component are started, healthy or completed and,
//! if not, why. Pure: it works on a snapshot.

use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::Job,
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kcc_lower::kubernetes::Object;
use kcc_model::Until;
use kcc_plan::{Cause, Readiness};
use serde_json::Value;

use crate::{
    causes::{self, Exits},
    live::Live,
    pod_container, pods,
};

/// Determines the readiness of one workload.
pub(crate) fn readiness(live: &Live, workload: &Object, until: Until) -> Readiness {
    let component = workload.component.as_deref().unwrap_or(&workload.name);
    let name = &workload.name;
    let count = match workload.kind.as_str() {
        "Job" => match live.jobs.get(name) {
            Some(job) => return of_job(live, job, workload, until),
            None => None,
        },
        // A CronJob does its part by existing; its runs have their own status.
        "CronJob" if live.cron_jobs.contains_key(name) => return Readiness::Ready,
        "CronJob" => None,
        "Deployment" => live.deployments.get(name).map(of_deployment),
        "StatefulSet" => live.stateful_sets.get(name).map(|set| Replicas {
            refused: refused(live, &set.metadata),
            ..of_stateful_set(set)
        }),
        "DaemonSet" => live.daemon_sets.get(name).map(|set| Replicas {
            refused: refused(live, &set.metadata),
            ..of_daemon_set(set)
        }),
        // Any other kind is ready once it exists.
        _ => return Readiness::Ready,
    };
    if let Some(count) = count {
        return of_replicas(live, workload, component, &count, until);
    }
    let why = format!("{} `{name}` does not exist", workload.kind);
    Readiness::Waiting(Cause::new("absent", why).may_follow())
}

/// The replicas of a workload, by progress.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Replicas {
    /// True if the cluster has observed the last change.
    pub(crate) observed: bool,
    pub(crate) wanted: i32,
    /// The replicas that exist.
    pub(crate) all: i32,
    /// The replicas of the current revision.
    pub(crate) updated: i32,
    /// The ready replicas of any revision.
    pub(crate) ready: i32,
    /// The refusal to create pods, if there is one.
    pub(crate) refused: Option<String>,
    /// True if the cluster has given up the rollout.
    pub(crate) deadline_exceeded: bool,
}

fn of_replicas(
    live: &Live,
    workload: &Object,
    component: &str,
    count: &Replicas,
    until: Until,
) -> Readiness {
    let own = pods::of_component(live, component);
    // Only the controller of a DaemonSet knows how many nodes it applies to.
    if count.wanted == 0 && (count.observed || workload.kind != "DaemonSet") {
        // With zero replicas there is no need to wait until the change is
        // observed: a controller limited to twenty writes a second takes a
        // minute for some hundreds of workloads.
        return match i32::try_from(own.len()).unwrap_or(i32::MAX).max(count.all) {
            0 => Readiness::Ready,
            old => waiting(still_running(old)),
        };
    }
    if !count.observed {
        return waiting("the cluster has not observed the change yet".to_owned());
    }
    let (current, old) = pods::by_revision(live, workload, own);
    // If the workload sets how long a pod has to stay up, only the cluster knows
    // which pods have.
    let stays_up = workload.manifest.pointer("/spec/minReadySeconds");
    let only_started = until == Until::Started && stays_up.is_none_or(Value::is_null);
    let (done, what) = progress(count, (&current, &old), only_started);
    let so_far = format!("{done} of {} {what}", replicas(count.wanted));
    let complete = |cause: Option<Cause>| {
        let mut cause = match cause {
            Some(cause) if count.wanted == 1 => cause,
            Some(cause) => Cause {
                progress: Some(so_far.clone()),
                ..cause
            },
            None => Cause::progress(so_far.clone()),
        };
        if !old.is_empty() {
            let count = i32::try_from(old.len()).unwrap_or(i32::MAX);
            cause.message = format!("{}; {}", cause.message, still_running(count));
        }
        cause
    };
    if done < count.wanted {
        let unready = |pods: &[&Pod]| -> Vec<Cause> {
            let unready = pods.iter().filter(|pod| !pods::is_ready(pod));
            unready
                .map(|pod| causes::of_pod(live, workload, pod, Exits::Never))
                .collect()
        };
        let own = unready(&current);
        if let Some(cause) = own.iter().find(|cause| cause.is_final) {
            return Readiness::Failed(complete(Some(cause.clone())));
        }
        let refusal = count.refused.as_deref();
        let refused = refusal.and_then(|why| causes::of_workload(live, workload, Some(why)));
        let cause = refused
            .or_else(|| own.into_iter().next())
            // A rollout pod by pod waits for a broken pod of the previous revision.
            .or_else(|| unready(&old).into_iter().next())
            .or_else(|| causes::of_workload(live, workload, None));
        let is_final = cause.as_ref().is_some_and(|cause| cause.is_final);
        let cause = complete(cause);
        return if count.deadline_exceeded || is_final {
            Readiness::Failed(cause)
        } else {
            Readiness::Waiting(cause)
        };
    }
    if !only_started && count.all > count.updated {
        return waiting(still_running(count.all - count.updated));
    }
    Readiness::Ready
}

/// Returns how many replicas have progressed as far as required, and how far that is.
fn progress(
    count: &Replicas,
    (current, old): (&[&Pod], &[&Pod]),
    only_started: bool,
) -> (i32, &'static str) {
    if count.updated < count.wanted {
        return (count.updated, "updated");
    }
    if only_started {
        let started = current.iter().filter(|pod| pods::is_started(pod)).count();
        return (i32::try_from(started).unwrap_or(i32::MAX), "started");
    }
    if old.is_empty() {
        return (count.ready, "ready");
    }
    // The status counts replicas of older revisions too.
    let ready = current.iter().filter(|pod| pods::is_ready(pod)).count();
    let ready = i32::try_from(ready).unwrap_or(i32::MAX);
    (ready.min(count.ready), "ready")
}

fn still_running(count: i32) -> String {
    let verb = if count == 1 { "runs" } else { "run" };
    format!("{} of the previous revision still {verb}", replicas(count))
}

fn replicas(count: i32) -> String {
    if count == 1 {
        "1 replica".to_owned()
    } else {
        format!("{count} replicas")
    }
}

/// Counts the replicas of a workload; none if it does not exist, is a Job or
/// creates Jobs.
pub(crate) fn count(live: &Live, workload: &Object) -> Option<Replicas> {
    let name = &workload.name;
    match workload.kind.as_str() {
        "Deployment" => live.deployments.get(name).map(of_deployment),
        "StatefulSet" => live.stateful_sets.get(name).map(of_stateful_set),
        "DaemonSet" => live.daemon_sets.get(name).map(of_daemon_set),
        _ => None,
    }
}

fn of_deployment(deployment: &Deployment) -> Replicas {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    let mut count = Replicas {
        wanted: wanted.unwrap_or(1),
        ..Replicas::default()
    };
    if let Some(status) = &deployment.status {
        count.observed = status.observed_generation >= deployment.metadata.generation;
        count.all = status.replicas.unwrap_or_default();
        count.updated = status.updated_replicas.unwrap_or_default();
        count.ready = status.available_replicas.unwrap_or_default();
        let condition = |kind: &str, is: &str| {
            let mut conditions = status.conditions.iter().flatten();
            conditions.find(|condition| condition.type_ == kind && condition.status == is)
        };
        count.refused = condition("ReplicaFailure", "True").and_then(|is| is.message.clone());
        count.deadline_exceeded = condition("Progressing", "False")
            .is_some_and(|is| is.reason.as_deref() == Some("ProgressDeadlineExceeded"));
    }
    count
}

/// Returns the refusal to create pods of a workload that has no condition for it.
fn refused(live: &Live, metadata: &ObjectMeta) -> Option<String> {
    let event = causes::last_event(live, metadata.uid.as_deref()?, "FailedCreate")?;
    event.message.clone()
}

fn of_stateful_set(set: &StatefulSet) -> Replicas {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas);
    let mut count = Replicas {
        wanted: wanted.unwrap_or(1),
        ..Replicas::default()
    };
    if let Some(status) = &set.status {
        count.observed = status.observed_generation >= set.metadata.generation;
        count.all = status.replicas;
        count.ready = status.available_replicas.unwrap_or_default();
        // After an update the current revision catches up with the new one, and
        // the count of updated pods restarts from zero.
        count.updated = if status.current_revision == status.update_revision {
            status.replicas
        } else {
            status.updated_replicas.unwrap_or_default()
        };
    }
    count
}

fn of_daemon_set(set: &DaemonSet) -> Replicas {
    let Some(status) = &set.status else {
        return Replicas::default();
    };
    Replicas {
        observed: status.observed_generation >= set.metadata.generation,
        wanted: status.desired_number_scheduled,
        all: status.updated_number_scheduled.unwrap_or_default(),
        updated: status.updated_number_scheduled.unwrap_or_default(),
        ready: status.number_available.unwrap_or_default(),
        ..Replicas::default()
    }
}

fn of_job(live: &Live, job: &Job, workload: &Object, until: Until) -> Readiness {
    let own = pods::of_job(live, &workload.name);
    let status = job.status.clone().unwrap_or_default();
    let mut conditions = status.conditions.iter().flatten();
    if conditions.any(|condition| condition.type_ == "Complete" && condition.status == "True") {
        return Readiness::Ready;
    }
    if let Some(cause) = causes::of_workload(live, workload, None) {
        return if cause.is_final {
            Readiness::Failed(cause)
        } else {
            Readiness::Waiting(cause)
        };
    }
    if until == Until::Started && own.iter().any(|pod| pods::is_started(pod)) {
        return Readiness::Ready;
    }
    let of_pod = |pod: &Pod| causes::of_pod(live, workload, pod, Exits::Retried);
    let mut all = own.iter().filter(|pod| !pods::is_ready(pod));
    if let Some(cause) = all.find_map(|pod| Some(of_pod(pod)).filter(|cause| cause.is_final)) {
        return Readiness::Failed(cause);
    }
    let failures = status.failed.unwrap_or_default();
    let failed = own.iter().find(|pod| pod_container::has_failed(pod));
    let held_up = own
        .iter()
        .find(|pod| !pods::is_started(pod) && !pods::is_ready(pod));
    let refusal = own
        .is_empty()
        .then(|| refused(live, &job.metadata))
        .flatten();
    if let Some(cause) = refusal.and_then(|why| causes::of_workload(live, workload, Some(&why))) {
        return if cause.is_final {
            Readiness::Failed(cause)
        } else {
            Readiness::Waiting(cause)
        };
    }
    Readiness::Waiting(match (held_up, failed) {
        (_, Some(pod)) if failures > 0 => {
            let cause = of_pod(pod);
            Cause {
                message: format!("{}, retrying", cause.message),
                ..cause
            }
        }
        (Some(pod), _) => of_pod(pod),
        (None, _) if own.is_empty() => Cause::progress("its pod does not exist yet"),
        _ => Cause::progress("still running"),
    })
}

fn waiting(why: String) -> Readiness {
    Readiness::Waiting(Cause::progress(why))
}

#[cfg(test)]
mod tests;
