//! The observations that a cluster still holds: the states of workloads and pods, and
//! its events. Pure.
//!
//! Each time is by the clock of whoever wrote it: the API server for the creation of an
//! object, a node for its containers, a controller for its events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        ContainerState, ContainerStateTerminated, Event, Pod, PodCondition, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kcc_model::Name;
use kcc_plan::{
    Redaction,
    timeline::{Link, Observation, Proof, Source},
};

use crate::{live::Live, observed::label, pod_container, pods, text::one_line};

/// The lane of the API server.
pub(crate) const API_SERVER: &str = "API server";

/// The reasons of events whose content the state of a pod holds more exactly.
const IN_STATE: [&str; 3] = ["Scheduled", "Created", "Started"];

/// Returns the observations about the objects of a scope.
pub(crate) fn observations(live: &Live, redaction: &Redaction) -> Vec<Observation> {
    let mut all = Vec::new();
    // The components of the objects that exist, by their identities.
    let mut known = BTreeMap::new();
    let mut object = |kind: &str, metadata: &ObjectMeta| {
        let uid = metadata.uid.clone();
        known.extend(uid.map(|uid| (uid, component(metadata))));
        all.extend(of_metadata(kind, metadata));
    };
    live.deployments
        .values()
        .for_each(|one| object("Deployment", &one.metadata));
    live.stateful_sets
        .values()
        .for_each(|one| object("StatefulSet", &one.metadata));
    live.daemon_sets
        .values()
        .for_each(|one| object("DaemonSet", &one.metadata));
    live.cron_jobs
        .values()
        .for_each(|one| object("CronJob", &one.metadata));
    live.jobs
        .values()
        .for_each(|one| object("Job", &one.metadata));
    live.replica_sets
        .iter()
        .for_each(|one| object("ReplicaSet", &one.metadata));
    live.pods
        .iter()
        .for_each(|one| object("Pod", &one.metadata));
    all.extend(live.pods.iter().flat_map(assignment_of));
    let components: BTreeSet<_> = known.values().flatten().collect();
    for event in &live.events {
        let uid = event.involved_object.uid.as_ref();
        let alive = uid.and_then(|uid| known.get(uid));
        // An object that is gone is named after its component.
        let former = || former(event, &components);
        let Some(component) = alive.cloned().or_else(|| former().map(Some)) else {
            continue;
        };
        all.extend(of_event(event, component, alive.is_some(), redaction));
    }
    // Behind the events of the same second, which lead to them: a pull, for example.
    all.extend(live.pods.iter().flat_map(runs_of));
    all
}

fn component(metadata: &ObjectMeta) -> Option<Name> {
    metadata.labels.as_ref()?.get(label::COMPONENT).cloned()
}

/// Returns the component of an object that is gone, by its name: that of a component, or
/// one that begins with it and a hyphen, the longest that does.
fn former(event: &Event, components: &BTreeSet<&Name>) -> Option<Name> {
    let name = event.involved_object.name.as_deref()?;
    let own = components.iter().filter(|component| {
        let rest = name.strip_prefix(component.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    own.max_by_key(|component| component.len())
        .map(|component| (*component).clone())
}

fn of_metadata(kind: &str, metadata: &ObjectMeta) -> Vec<Observation> {
    let object = format!("{kind} {}", metadata.name.as_deref().unwrap_or_default());
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let written = |time: Timestamp, event: &str| Observation {
        component: component(metadata),
        ..Observation::new(API_SERVER, time, object.clone(), event.to_owned())
    };
    let created = metadata
        .creation_timestamp
        .as_ref()
        .map(|time| Observation {
            causes: vec![Link::new(Proof::Identity, uid)],
            ..written(time.0, "created")
        });
    let deleted = metadata.deletion_timestamp.as_ref().map(|time| {
        // The cluster notes the end of the grace period.
        let grace = metadata.deletion_grace_period_seconds.unwrap_or_default();
        let grace = jiff::SignedDuration::from_secs(grace);
        written(time.0 - grace, "deletion requested")
    });
    created.into_iter().chain(deleted).collect()
}

/// Returns the assignment of a pod, and its acceptance by the node.
fn assignment_of(pod: &Pod) -> Vec<Observation> {
    let mut all = Vec::new();
    let Some((spec, status)) = pod.spec.as_ref().zip(pod.status.as_ref()) else {
        return all;
    };
    let object = || format!("Pod {}", pod.metadata.name.as_deref().unwrap_or_default());
    let [assignment, identity] = links(pod);
    let scheduler = spec
        .scheduler_name
        .as_deref()
        .unwrap_or("default-scheduler");
    if let Some((condition, time)) = condition(status, "PodScheduled") {
        let node = spec.node_name.as_deref().unwrap_or("a node");
        let (event, causes) = if condition.status == "True" {
            (format!("assigned to {node}"), vec![assignment])
        } else {
            let why = condition.message.as_deref().unwrap_or("no reason given");
            let event = format!("cannot be scheduled: {}", one_line(why));
            (event, Vec::new())
        };
        all.push(Observation {
            component: component(&pod.metadata),
            causes,
            follows: vec![identity],
            ..Observation::new(scheduler, time, object(), event)
        });
    }
    if let Some(Time(time)) = &status.start_time {
        all.extend(on_node(pod, *time, object(), "accepted".to_owned()));
    }
    all
}

/// Returns the runs of a pod's containers, and its readiness.
fn runs_of(pod: &Pod) -> Vec<Observation> {
    let mut all = Vec::new();
    let Some(status) = &pod.status else {
        return all;
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    for part in pod_container::of(pod, status) {
        let container = part.status;
        let object = || match pods::component(pod) {
            Some(component) if component == container.name => format!("Pod {name}"),
            _ => format!("Pod {name}/{}", container.name),
        };
        for state in [&container.last_state, &container.state]
            .into_iter()
            .flatten()
        {
            let runs = of_state(state).into_iter();
            all.extend(runs.filter_map(|(time, event)| on_node(pod, time, object(), event)));
        }
    }
    if let Some((condition, time)) = condition(status, "Ready") {
        let event = match (condition.status.as_str(), condition.reason.as_deref()) {
            ("True", _) => "ready",
            (_, Some("PodCompleted")) => return all,
            _ => "not ready",
        };
        all.extend(on_node(pod, time, format!("Pod {name}"), event.to_owned()));
    }
    all
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<(&'a PodCondition, Timestamp)> {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions.find(|condition| condition.type_ == kind)?;
    Some((condition, condition.last_transition_time.as_ref()?.0))
}

/// Returns the facts that a node acts on: the assignment of a pod and its identity.
fn links(pod: &Pod) -> [Link; 2] {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    [Proof::Assignment, Proof::Identity].map(|proof| Link::new(proof, uid))
}

fn on_node(pod: &Pod, time: Timestamp, object: String, event: String) -> Option<Observation> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    Some(Observation {
        component: component(&pod.metadata),
        follows: links(pod).to_vec(),
        ..Observation::new(node, time, object, event)
    })
}

fn of_state(state: &ContainerState) -> Vec<(Timestamp, String)> {
    if let Some(running) = &state.running {
        let started = running.started_at.as_ref();
        return started
            .map(|time| (time.0, "started".to_owned()))
            .into_iter()
            .collect();
    }
    let Some(ended) = &state.terminated else {
        return Vec::new();
    };
    let started = ended
        .started_at
        .as_ref()
        .map(|time| (time.0, "started".to_owned()));
    let finished = ended
        .finished_at
        .as_ref()
        .map(|time| (time.0, end_of(ended)));
    // A container that could not start has neither.
    let is_real = |(time, _): &(Timestamp, String)| *time > Timestamp::UNIX_EPOCH;
    started
        .into_iter()
        .chain(finished)
        .filter(is_real)
        .collect()
}

fn end_of(ended: &ContainerStateTerminated) -> String {
    match ended.reason.as_deref() {
        Some("OOMKilled") => "killed, because it used more memory than its limit".to_owned(),
        _ if ended.exit_code == 0 => "ended".to_owned(),
        _ => format!("ended with exit code {}", ended.exit_code),
    }
}

fn of_event(
    event: &Event,
    component: Option<Name>,
    alive: bool,
    redaction: &Redaction,
) -> Option<Observation> {
    let reason = event.reason.as_deref()?;
    if alive && IN_STATE.contains(&reason) {
        return None;
    }
    let of_source = |part: fn(&k8s_openapi::api::core::v1::EventSource) -> &Option<String>| {
        let text = part(event.source.as_ref()?).clone();
        text.filter(|text| !text.is_empty())
    };
    // A node has its name as host; a controller has none, and is the lane itself.
    let machine = of_source(|source| &source.host)
        .or_else(|| of_source(|source| &source.component))
        .or_else(|| event.reporting_component.clone())?;
    let time = event.last_timestamp.as_ref().map(|time| time.0);
    let time = time.or_else(|| event.event_time.as_ref().map(|time| time.0))?;
    let about = &event.involved_object;
    let (kind, name) = (about.kind.as_deref()?, about.name.as_deref()?);
    let uid = about.uid.as_deref().unwrap_or_default();
    let message = event.message.as_deref().unwrap_or_default();
    let message = redaction.apply(&one_line(message));
    let (identity, assignment) = (
        Link::new(Proof::Identity, uid),
        Link::new(Proof::Assignment, uid),
    );
    let (causes, follows) = match (kind, reason) {
        ("Pod", "Scheduled") => (vec![assignment], vec![identity]),
        ("Pod", _) if of_source(|source| &source.host).is_some() => {
            (Vec::new(), vec![assignment, identity])
        }
        _ => (Vec::new(), vec![identity]),
    };
    Some(Observation {
        component,
        count: event
            .count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        source: Source::Event,
        causes,
        follows,
        ..Observation::new(
            &machine,
            time,
            format!("{kind} {name}"),
            format!("{reason}: {message}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
    use kcc_plan::timeline::Timeline;
    use serde_json::{Value, from_value, json};

    use super::*;

    fn labels() -> Value {
        json!({label::COMPONENT: "web"})
    }

    /// A pod on a node whose clock is an hour behind, killed once.
    fn pod(node: &str) -> Pod {
        let running = json!({"running": {"startedAt": "2026-11-30T11:00:20Z"}});
        let killed = json!({"terminated": {
            "startedAt": "2026-11-30T11:00:12Z", "finishedAt": "2026-11-30T11:00:19Z",
            "exitCode": 137, "reason": "OOMKilled"}});
        from_value(json!({
            "metadata": {"name": "web-1", "uid": "pod", "labels": labels(),
                "creationTimestamp": "2026-11-30T12:00:10Z"},
            "spec": {"containers": [], "nodeName": node},
            "status": {
                "startTime": "2026-11-30T11:00:11Z",
                "conditions": [
                    {"type": "PodScheduled", "status": "True",
                        "lastTransitionTime": "2026-11-30T12:00:10Z"},
                    {"type": "Ready", "status": "True",
                        "lastTransitionTime": "2026-11-30T11:00:21Z"}],
                "containerStatuses": [{"name": "web", "image": "web", "imageID": "",
                    "ready": true, "restartCount": 1, "lastState": killed, "state": running}],
            },
        }))
        .unwrap()
    }

    fn event(value: Value) -> Event {
        from_value(value).unwrap()
    }

    fn live() -> Live {
        let deployment: Deployment = from_value(json!({
            "metadata": {"name": "web", "uid": "deployment", "labels": labels(),
                "creationTimestamp": "2026-11-30T12:00:09Z"},
        }))
        .unwrap();
        let about = |name: &str, uid: &str| json!({"kind": "Pod", "name": name, "uid": uid});
        let time = "2026-11-30T11:00:13Z";
        let kubelet = json!({"component": "kubelet", "host": "node-1"});
        Live {
            deployments: [("web".to_owned(), deployment)].into(),
            pods: vec![pod("node-1")].into(),
            events: vec![
                event(
                    json!({"metadata": {}, "involvedObject": about("web-1", "pod"),
                    "reason": "Unhealthy", "message": "probe failed:\n the key is hunter2",
                    "lastTimestamp": time, "count": 3, "source": kubelet}),
                ),
                // The state of the pod says it already.
                event(
                    json!({"metadata": {}, "involvedObject": about("web-1", "pod"),
                    "reason": "Started", "message": "Started container web",
                    "lastTimestamp": time, "source": kubelet}),
                ),
                event(
                    json!({"metadata": {}, "involvedObject": about("web-0", "gone"),
                    "reason": "Killing", "message": "Stopping container web",
                    "lastTimestamp": time, "source": kubelet}),
                ),
                event(
                    json!({"metadata": {}, "involvedObject": about("other-0", "other"),
                    "reason": "Killing", "message": "Stopping container other",
                    "lastTimestamp": time, "source": kubelet}),
                ),
            ],
            ..Live::default()
        }
    }

    #[test]
    fn each_machine_has_its_own_lane() {
        let scope = kcc_plan::Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
        };
        let all = observations(&live(), &Redaction::new(&["hunter2".to_owned()]));
        let timeline = Timeline::new(scope, Timestamp::UNIX_EPOCH, all);
        let lanes: Vec<_> = timeline
            .lanes
            .iter()
            .map(|lane| {
                let lines = lane.observations.iter().map(|one| {
                    let time = one.time.strftime("%H:%M:%S");
                    format!("{time} {} {} {}", one.object, one.event, one.count)
                });
                (lane.machine.as_str(), lines.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            lanes,
            [
                (
                    API_SERVER,
                    vec![
                        "12:00:09 Deployment web created 1".to_owned(),
                        "12:00:10 Pod web-1 created 1".to_owned(),
                    ]
                ),
                (
                    "default-scheduler",
                    vec!["12:00:10 Pod web-1 assigned to node-1 1".to_owned()]
                ),
                (
                    "node-1",
                    [
                        "11:00:11 Pod web-1 accepted 1",
                        "11:00:12 Pod web-1 started 1",
                        "11:00:13 Pod web-1 Unhealthy: probe failed: the key is *** 3",
                        "11:00:13 Pod web-0 Killing: Stopping container web 1",
                        "11:00:19 Pod web-1 killed, because it used more memory than its limit 1",
                        "11:00:20 Pod web-1 started 1",
                        "11:00:21 Pod web-1 ready 1",
                    ]
                    .map(str::to_owned)
                    .to_vec()
                ),
            ]
        );
        let arrows: Vec<_> = timeline
            .arrows
            .iter()
            .map(|arrow| {
                (
                    arrow.from.lane,
                    arrow.to.lane,
                    arrow.to.observation,
                    arrow.proof,
                )
            })
            .collect();
        assert_eq!(
            arrows,
            [(0, 1, 0, Proof::Identity), (1, 2, 0, Proof::Assignment)]
        );
    }

    #[test]
    fn a_pod_that_waits_for_a_node_says_why() {
        let mut waiting = pod("node-1");
        waiting.spec.as_mut().unwrap().node_name = None;
        let condition = json!([{"type": "PodScheduled", "status": "False",
            "lastTransitionTime": "2026-11-30T12:00:10Z", "message": "0/2 nodes are available"}]);
        let status = waiting.status.as_mut().unwrap();
        status.conditions = from_value(condition).unwrap();
        let all = [assignment_of(&waiting), runs_of(&waiting)].concat();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].event, "cannot be scheduled: 0/2 nodes are available");
        assert!(all[0].causes.is_empty());
    }
}
