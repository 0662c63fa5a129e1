//! Whether the workloads of a component are started, healthy or completed, and
//! if not, why. Pure: it judges what was read at one moment.

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    batch::v1::Job,
};
use kcc_lower::kubernetes::Object;
use kcc_model::Until;
use kcc_plan::Readiness;

use crate::{client::Live, parts, pods, why};

/// Judges one workload.
pub(crate) fn judge(live: &Live, workload: &Object, until: Until) -> Readiness {
    let component = workload.component.as_deref().unwrap_or(&workload.name);
    let name = &workload.name;
    let count = match workload.kind.as_str() {
        "Job" => match live.jobs.get(name) {
            Some(job) => return of_job(live, job, name, until),
            None => None,
        },
        // What its runs do is seen in them: it does its part once it is there.
        "CronJob" if live.cron_jobs.contains_key(name) => return Readiness::Ready,
        "CronJob" => None,
        "Deployment" => live.deployments.get(name).map(of_deployment),
        "StatefulSet" => live.stateful_sets.get(name).map(of_stateful_set),
        "DaemonSet" => live.daemon_sets.get(name).map(of_daemon_set),
        // Anything else is as ready as it is there.
        _ => return Readiness::Ready,
    };
    match count {
        Some(count) => of_replicas(live, component, &count, until),
        None => waiting(format!("{} `{name}` is not there", workload.kind)),
    }
}

/// The replicas of a workload, by how far they are.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Replicas {
    /// The cluster has seen the last change.
    pub(crate) noticed: bool,
    pub(crate) wanted: i32,
    /// All that are there.
    pub(crate) all: i32,
    /// Those made from the last change.
    pub(crate) updated: i32,
    pub(crate) ready: i32,
    /// What keeps the workload from making pods.
    pub(crate) refused: Option<String>,
}

fn of_replicas(live: &Live, component: &str, count: &Replicas, until: Until) -> Readiness {
    let own = pods::of_component(live, component);
    // Old pods are ready as a rule; the newest that is not is the one to tell of.
    let held_up = || {
        let pod = own.iter().find(|pod| !pods::is_ready(pod))?;
        Some(why::why(pod, &live.events))
    };
    if !count.noticed {
        return waiting("its change is being noticed".to_owned());
    }
    if let Some(why) = &count.refused {
        return waiting(format!("its pods cannot be made: {}", why::line(why)));
    }
    let so_far = |done: i32, what: &str| {
        let text = format!("{done} of {} {what}", replicas(count.wanted));
        waiting(held_up().map_or(text.clone(), |why| {
            if count.wanted == 1 {
                why
            } else {
                format!("{text}: {why}")
            }
        }))
    };
    if count.updated < count.wanted {
        return so_far(count.updated.min(count.wanted), "made anew");
    }
    if until == Until::Started {
        let started = own.iter().filter(|pod| pods::is_started(pod)).count();
        let started = i32::try_from(started).unwrap_or(i32::MAX);
        // Those of before may run on for as long as a new one fails.
        let before = (count.all - count.updated).max(0);
        let started = (started - before).max(0);
        return if started >= count.wanted {
            Readiness::Ready
        } else {
            so_far(started, "started")
        };
    }
    if count.ready < count.wanted {
        return so_far(count.ready, "ready");
    }
    if count.all > count.updated {
        let old = count.all - count.updated;
        return waiting(format!(
            "{} of before still {}",
            replicas(old),
            if old == 1 { "runs" } else { "run" }
        ));
    }
    Readiness::Ready
}

fn replicas(count: i32) -> String {
    if count == 1 {
        "1 replica".to_owned()
    } else {
        format!("{count} replicas")
    }
}

/// How many replicas a workload has; none for one that is not there,
/// is a Job or makes Jobs.
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
        count.noticed = status.observed_generation >= deployment.metadata.generation;
        count.all = status.replicas.unwrap_or_default();
        count.updated = status.updated_replicas.unwrap_or_default();
        count.ready = status.available_replicas.unwrap_or_default();
        count.refused = status
            .conditions
            .iter()
            .flatten()
            .filter(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
            .find_map(|condition| condition.message.clone());
    }
    count
}

fn of_stateful_set(set: &StatefulSet) -> Replicas {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas);
    let mut count = Replicas {
        wanted: wanted.unwrap_or(1),
        ..Replicas::default()
    };
    if let Some(status) = &set.status {
        count.noticed = status.observed_generation >= set.metadata.generation;
        count.all = status.replicas;
        count.ready = status.available_replicas.unwrap_or_default();
        // After an update the current revision catches up with the new one,
        // and the count of updated pods then starts from nothing.
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
        noticed: status.observed_generation >= set.metadata.generation,
        wanted: status.desired_number_scheduled,
        all: status.updated_number_scheduled.unwrap_or_default(),
        updated: status.updated_number_scheduled.unwrap_or_default(),
        ready: status.number_available.unwrap_or_default(),
        refused: None,
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
    let last = own.first().and_then(|pod| parts::how_it_ended(pod));
    if let Some(failed) = condition("Failed") {
        let reason = match failed.reason.as_deref() {
            Some("BackoffLimitExceeded") => "it failed too often".to_owned(),
            Some("DeadlineExceeded") => "it took longer than its deadline".to_owned(),
            Some(reason) => format!("it failed ({reason})"),
            None => "it failed".to_owned(),
        };
        let why = last.map_or(reason.clone(), |how| format!("{reason}: {how}"));
        return Readiness::Failed { why };
    }
    if until == Until::Started && own.iter().any(|pod| pods::is_started(pod)) {
        return Readiness::Ready;
    }
    let failures = status.failed.unwrap_or_default();
    let held_up = own
        .iter()
        .find(|pod| !pods::is_started(pod) && !pods::is_ready(pod));
    waiting(match (held_up, last) {
        (_, Some(how)) if failures > 0 => format!("{how}, and is tried again"),
        (Some(pod), _) => why::why(pod, &live.events),
        (None, _) if own.is_empty() => "its pod is not made yet".to_owned(),
        _ => "it still runs".to_owned(),
    })
}

fn waiting(why: String) -> Readiness {
    Readiness::Waiting { why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(kind: &str, name: &str) -> Object {
        Object {
            api_version: "apps/v1".to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
            component: Some("web".to_owned()),
            team: None,
            data: false,
            manifest: Value::Null,
        }
    }

    fn web(generation: i64, status: &Value) -> Live {
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "generation": generation},
            "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": status,
        });
        let mut live = Live::default();
        let deployment = serde_json::from_value(deployment).unwrap();
        live.deployments.insert("web".to_owned(), deployment);
        live
    }

    fn said(live: &Live, kind: &str) -> String {
        match judge(live, &object(kind, "web"), Until::Healthy) {
            Readiness::Ready => "ready".to_owned(),
            Readiness::Waiting { why } => format!("waiting: {why}"),
            Readiness::Failed { why } => format!("failed: {why}"),
        }
    }

    #[test]
    fn a_rollout_is_followed_to_its_end() {
        let status = |updated: i32, available: i32, all: i32| {
            json!({"observedGeneration": 2, "replicas": all, "updatedReplicas": updated,
                   "availableReplicas": available})
        };
        let at = |generation, status: &Value| said(&web(generation, status), "Deployment");
        assert_eq!(
            said(&Live::default(), "Deployment"),
            "waiting: Deployment `web` is not there"
        );
        assert_eq!(
            at(3, &status(2, 2, 2)),
            "waiting: its change is being noticed"
        );
        assert_eq!(
            at(2, &status(1, 2, 3)),
            "waiting: 1 of 2 replicas made anew"
        );
        assert_eq!(at(2, &status(2, 1, 2)), "waiting: 1 of 2 replicas ready");
        assert_eq!(
            at(2, &status(2, 2, 3)),
            "waiting: 1 replica of before still runs"
        );
        assert_eq!(at(2, &status(2, 2, 2)), "ready");
        let mut refused = status(0, 0, 0);
        refused["conditions"] = json!([{
            "type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small",
        }]);
        assert_eq!(
            at(2, &refused),
            "waiting: its pods cannot be made: exceeded quota: small"
        );
    }

    #[test]
    fn every_machine_counts() {
        let at = |status: &Value| {
            let set = json!({
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {"name": "web", "generation": 2},
                "spec": {"selector": {}, "template": {}},
                "status": status,
            });
            let mut live = Live::default();
            let set = serde_json::from_value(set).unwrap();
            live.daemon_sets.insert("web".to_owned(), set);
            said(&live, "DaemonSet")
        };
        let status = |generation: i64, wanted: i32, updated: i32, available: i32| {
            json!({"observedGeneration": generation, "currentNumberScheduled": wanted,
                   "desiredNumberScheduled": wanted, "numberMisscheduled": 0, "numberReady": available,
                   "updatedNumberScheduled": updated, "numberAvailable": available})
        };
        assert_eq!(
            at(&status(1, 0, 0, 0)),
            "waiting: its change is being noticed"
        );
        assert_eq!(
            at(&status(2, 3, 1, 2)),
            "waiting: 1 of 3 replicas made anew"
        );
        assert_eq!(at(&status(2, 3, 3, 2)), "waiting: 2 of 3 replicas ready");
        assert_eq!(at(&status(2, 3, 3, 3)), "ready");
        assert_eq!(at(&status(2, 0, 0, 0)), "ready");
    }

    #[test]
    fn a_job_completes_or_fails() {
        let at = |status: &Value| {
            let job = json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "web"},
                "status": status,
            });
            let mut live = Live::default();
            let job = serde_json::from_value(job).unwrap();
            live.jobs.insert("web".to_owned(), job);
            said(&live, "Job")
        };
        assert_eq!(at(&json!({})), "waiting: its pod is not made yet");
        let ended = |kind: &str, reason: &str| json!({"conditions": [{"type": kind, "status": "True", "reason": reason}]});
        assert_eq!(at(&ended("Complete", "CompletionsReached")), "ready");
        assert_eq!(
            at(&ended("Failed", "BackoffLimitExceeded")),
            "failed: it failed too often"
        );
    }
}
