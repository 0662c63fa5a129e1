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
use kcc_plan::Readiness;
use serde_json::Value;

use crate::{
    cause,
    live::Live,
    pod_container, pods,
    stuck::{self, Exits},
    text::one_line,
};

/// Determines the readiness of one workload.
pub(crate) fn readiness(live: &Live, workload: &Object, until: Until) -> Readiness {
    let component = workload.component.as_deref().unwrap_or(&workload.name);
    let name = &workload.name;
    let count = match workload.kind.as_str() {
        "Job" => match live.jobs.get(name) {
            Some(job) => return of_job(live, job, name, until),
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
    match count {
        Some(count) => of_replicas(live, workload, component, &count, until),
        None => waiting(format!("{} `{name}` does not exist", workload.kind)),
    }
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
    let text = |cause: Option<String>| {
        let mut text = match cause {
            Some(cause) if count.wanted == 1 => cause,
            Some(cause) => format!("{done} of {} {what}: {cause}", replicas(count.wanted)),
            None => format!("{done} of {} {what}", replicas(count.wanted)),
        };
        if !old.is_empty() {
            let count = i32::try_from(old.len()).unwrap_or(i32::MAX);
            text = format!("{text}; {}", still_running(count));
        }
        text
    };
    if done < count.wanted {
        let mut all = current.iter();
        if let Some(cause) = all.find_map(|pod| stuck::stuck(pod, Exits::Never)) {
            let why = text(Some(cause));
            return Readiness::Failed { why };
        }
        if let Some(why) = &count.refused {
            let refused = text(Some(format!("pods cannot be created: {}", one_line(why))));
            return if stuck::is_refused_for_good(why) {
                Readiness::Failed { why: refused }
            } else {
                waiting(refused)
            };
        }
        // A rollout pod by pod waits for a broken pod of the previous revision.
        let mut unready = current
            .iter()
            .chain(&old)
            .filter(|pod| !pods::is_ready(pod));
        let why = text(unready.next().map(|pod| cause::why(pod, &live.events)));
        return if count.deadline_exceeded {
            Readiness::Failed { why }
        } else {
            waiting(why)
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
    let message = cause::last_event(metadata.uid.as_deref()?, "FailedCreate", &live.events)?;
    Some(message.to_owned())
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

fn of_job(live: &Live, job: &Job, name: &str, until: Until) -> Readiness {
    let own = pods::of_job(live, name);
    let status = job.status.clone().unwrap_or_default();
    let condition = |kind: &str| {
        let mut conditions = status.conditions.iter().flatten();
        conditions.find(|condition| condition.type_ == kind && condition.status == "True")
    };
    if condition("Complete").is_some() {
        return Readiness::Ready;
    }
    let last = own
        .first()
        .and_then(|pod| pod_container::how_it_failed(pod));
    if let Some(failed) = condition("Failed") {
        let reason = match failed.reason.as_deref() {
            Some("BackoffLimitExceeded") => "no retries left".to_owned(),
            Some("DeadlineExceeded") => "deadline exceeded".to_owned(),
            Some(reason) => format!("failed ({reason})"),
            None => "failed".to_owned(),
        };
        let why = last.map_or(reason.clone(), |how| format!("{reason}: {how}"));
        return Readiness::Failed { why };
    }
    if until == Until::Started && own.iter().any(|pod| pods::is_started(pod)) {
        return Readiness::Ready;
    }
    let mut all = own.iter();
    if let Some(why) = all.find_map(|pod| stuck::stuck(pod, Exits::Retried)) {
        return Readiness::Failed { why };
    }
    let failures = status.failed.unwrap_or_default();
    let held_up = own
        .iter()
        .find(|pod| !pods::is_started(pod) && !pods::is_ready(pod));
    let refused = own
        .is_empty()
        .then(|| refused(live, &job.metadata))
        .flatten();
    if let Some(message) = refused {
        let why = format!("pod cannot be created: {}", one_line(&message));
        return if stuck::is_refused_for_good(&message) {
            Readiness::Failed { why }
        } else {
            waiting(why)
        };
    }
    waiting(match (held_up, last) {
        (_, Some(how)) if failures > 0 => format!("{how}, retrying"),
        (Some(pod), _) => cause::why(pod, &live.events),
        (None, _) if own.is_empty() => "its pod does not exist yet".to_owned(),
        _ => "still running".to_owned(),
    })
}

fn waiting(why: String) -> Readiness {
    Readiness::Waiting { why }
}

#[cfg(test)]
mod tests;
