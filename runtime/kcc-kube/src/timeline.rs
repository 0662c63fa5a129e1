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
use kcc_lower::kubernetes::KubernetesDesired;
use kcc_model::Name;
use kcc_plan::{
    Redaction, Scope,
    timeline::{Link, Observation, Proof, Source, operation},
};

use crate::{
    audit::{self, Request},
    causes::probe_message,
    live::Live,
    observed::{MANAGER, label},
    pod_container, pods,
    text::one_line,
};

/// The lane of the API server.
pub(crate) const API_SERVER: &str = "API server";

/// The reasons of events whose content the state of a pod holds more exactly.
const IN_STATE: [&str; 3] = ["Scheduled", "Created", "Started"];

/// The kinds of events that both the state of a pod and the cluster's events have.
const ASSIGNED: &str = "assigned";
const STARTED: &str = "started";

/// The field manager of the cluster's own controllers.
const CONTROLLERS: &str = "kube-controller-manager";

/// The kinds of objects that the cluster makes of declared ones.
const GENERATED: [&str; 3] = ["Pod", "ReplicaSet", "Job"];

/// The components of objects, by their identities.
pub(crate) type Known = BTreeMap<String, Option<Name>>;

/// Returns the observations about the objects of a scope.
pub(crate) fn observations(live: &Live, redaction: &Redaction) -> Vec<Observation> {
    observations_of(live, &mut Known::new(), redaction)
}

/// Returns the observations about some objects of a scope, given those that are known, to
/// which these are added.
pub(crate) fn observations_of(
    live: &Live,
    known: &mut Known,
    redaction: &Redaction,
) -> Vec<Observation> {
    let mut all = Vec::new();
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

fn former(event: &Event, components: &BTreeSet<&Name>) -> Option<Name> {
    of_name(event.involved_object.name.as_deref()?, components)
}

/// Returns the component of an object that is gone, by its name: that of a component, or
/// one that begins with it and a hyphen, the longest that does.
fn of_name(name: &str, components: &BTreeSet<&Name>) -> Option<Name> {
    let own = components.iter().filter(|component| {
        let rest = name.strip_prefix(component.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    own.max_by_key(|component| component.len())
        .map(|component| (*component).clone())
}

/// Returns the removal of an object, which the API server has just done.
pub(crate) fn removal(kind: &str, metadata: &ObjectMeta, now: Timestamp) -> Observation {
    let object = format!("{kind} {}", metadata.name.as_deref().unwrap_or_default());
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let version = metadata.resource_version.as_deref();
    Observation {
        component: component(metadata),
        sequence: version.and_then(|version| version.parse().ok()),
        follows: vec![Link::new(Proof::Identity, uid)],
        ..Observation::new(API_SERVER, now, object, "removed".to_owned()).once(uid, "removed")
    }
}

fn of_metadata(kind: &str, metadata: &ObjectMeta) -> Vec<Observation> {
    let object = format!("{kind} {}", metadata.name.as_deref().unwrap_or_default());
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let written = |time: Timestamp, event: &str| Observation {
        component: component(metadata),
        ..Observation::new(API_SERVER, time, object.clone(), event.to_owned())
    };
    let name = metadata.name.as_deref().unwrap_or_default();
    let writes = writes(metadata);
    let by_kcc = |mut observation: Observation| {
        observation
            .causes
            .push(operation(Proof::Answer, kind, name));
        observation
            .follows
            .push(operation(Proof::Operation, kind, name));
        observation
    };
    let created = metadata.creation_timestamp.as_ref().map(|time| {
        let created = Observation {
            causes: vec![Link::new(Proof::Identity, uid)],
            ..written(time.0, "created").once(uid, "created")
        };
        let is_own = writes.contains(&(time.0, MANAGER));
        if is_own { by_kcc(created) } else { created }
    });
    let is_later = |time: Timestamp| {
        let created = metadata.creation_timestamp.as_ref();
        created.is_none_or(|created| time > created.0)
    };
    let own_writes = !GENERATED.contains(&kind);
    let changed = writes
        .iter()
        .filter(|(time, _)| own_writes && is_later(*time))
        .map(|(time, manager)| {
            let changed = written(*time, &format!("changed by field manager {manager}"))
                .recurring(uid, &format!("changed {manager}"));
            if *manager == MANAGER {
                by_kcc(changed)
            } else {
                changed
            }
        });
    let changed: Vec<_> = changed.collect();
    let deleted = metadata.deletion_timestamp.as_ref().map(|time| {
        // The cluster notes the end of the grace period.
        let grace = metadata.deletion_grace_period_seconds.unwrap_or_default();
        let grace = jiff::SignedDuration::from_secs(grace);
        written(time.0 - grace, "deletion requested").once(uid, "deletion")
    });
    created.into_iter().chain(changed).chain(deleted).collect()
}

/// Returns when each field manager last wrote an object, apart from its status. Controllers
/// of the cluster write notes of their own.
fn writes(metadata: &ObjectMeta) -> Vec<(Timestamp, &str)> {
    let entries = metadata.managed_fields.iter().flatten();
    let own = entries.filter(|entry| entry.subresource.as_deref() != Some("status"));
    let dated = own.filter_map(|entry| {
        let manager = entry.manager.as_deref()?;
        Some((entry.time.as_ref()?.0, manager))
    });
    dated
        .filter(|(_, manager)| *manager != CONTROLLERS)
        .collect()
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
        let observation = |event: String| Observation {
            component: component(&pod.metadata),
            follows: vec![identity.clone()],
            ..Observation::new(scheduler, time, object(), event)
        };
        all.push(if condition.status == "True" {
            Observation {
                causes: vec![assignment],
                ..observation(format!("assigned to {node}")).once(uid(pod), ASSIGNED)
            }
        } else {
            let why = condition.message.as_deref().unwrap_or("no reason given");
            let event = format!("cannot be scheduled: {}", one_line(why));
            observation(event).recurring(uid(pod), "unschedulable")
        });
    }
    if let Some(Time(time)) = &status.start_time {
        let accepted = on_node(pod, *time, object(), "accepted".to_owned());
        all.extend(accepted.map(|one| one.once(uid(pod), "accepted")));
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
            let id = run_id(uid(pod), &container.name);
            for (time, event, text) in of_state(state) {
                let run = on_node(pod, time, object(), text);
                all.extend(run.map(|run| run.recurring(&id, event)));
            }
        }
    }
    if let Some((condition, time)) = condition(status, "Ready") {
        let event = match (condition.status.as_str(), condition.reason.as_deref()) {
            ("True", _) => "ready",
            (_, Some("PodCompleted")) => return all,
            _ => "not ready",
        };
        let ready = on_node(pod, time, format!("Pod {name}"), event.to_owned());
        all.extend(ready.map(|mut ready| {
            if event == "ready" {
                ready
                    .causes
                    .extend(seen_ready(pod).map(|id| Link::new(Proof::Answer, &id)));
            }
            ready.recurring(uid(pod), event)
        }));
    }
    all
}

/// Identifies the change by which a pod became ready, if it is.
pub(crate) fn seen_ready(pod: &Pod) -> Option<String> {
    let (ready, time) = condition(pod.status.as_ref()?, "Ready")?;
    (ready.status == "True").then(|| format!("{} ready since {time}", uid(pod)))
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// Identifies the runs of a container of a pod, which their times tell apart.
fn run_id(uid: &str, container: &str) -> String {
    format!("{uid}/{container}")
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<(&'a PodCondition, Timestamp)> {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions.find(|condition| condition.type_ == kind)?;
    Some((condition, condition.last_transition_time.as_ref()?.0))
}

/// Returns the facts that a node acts on: the assignment of a pod and its identity.
fn links(pod: &Pod) -> [Link; 2] {
    [Proof::Assignment, Proof::Identity].map(|proof| Link::new(proof, uid(pod)))
}

fn on_node(pod: &Pod, time: Timestamp, object: String, event: String) -> Option<Observation> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    Some(Observation {
        component: component(&pod.metadata),
        follows: links(pod).to_vec(),
        ..Observation::new(node, time, object, event)
    })
}

/// Returns the start and the end of a run, each with its kind and its text.
fn of_state(state: &ContainerState) -> Vec<(Timestamp, &'static str, String)> {
    let start = |time: &Time| (time.0, STARTED, "started".to_owned());
    if let Some(running) = &state.running {
        return running.started_at.as_ref().map(start).into_iter().collect();
    }
    let Some(ended) = &state.terminated else {
        return Vec::new();
    };
    let started = ended.started_at.as_ref().map(start);
    let finished = ended
        .finished_at
        .as_ref()
        .map(|time| (time.0, "ended", end_of(ended)));
    // A container that could not start has neither.
    let is_real = |(time, ..): &(Timestamp, &str, String)| *time > Timestamp::UNIX_EPOCH;
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

/// Returns the message of an event without the output of a command. It may contain the value
/// of a secret, also one that the secret had before and that nobody can recognise any more.
fn quotable<'a>(reason: &str, event: &'a Event) -> &'a str {
    /// The beginnings of the kubelet's own answers to a probe.
    const ANSWERS: [&str; 5] = [
        "HTTP probe failed",
        "Get \"",
        "dial tcp ",
        "timeout: ",
        "service unhealthy",
    ];
    let message = probe_message(event).unwrap_or_default();
    match reason {
        "FailedPostStartHook" | "FailedPreStopHook" => "",
        "Unhealthy" | "ProbeWarning" => match message.split_once(':') {
            Some((probe, answer)) if !ANSWERS.iter().any(|own| answer.trim().starts_with(own)) => {
                probe
            }
            _ => message,
        },
        _ => message,
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
    let message = redaction.apply(&one_line(quotable(reason, event)));
    let message = match message.as_str() {
        "" => reason.to_owned(),
        message => format!("{reason}: {message}"),
    };
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
    let observation = Observation {
        component,
        count: event
            .count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        source: Source::Event,
        causes,
        follows,
        ..Observation::new(&machine, time, format!("{kind} {name}"), message)
    };
    let container = || {
        let field = about.field_path.as_deref()?;
        field.strip_prefix("spec.containers{")?.strip_suffix('}')
    };
    // The state of the pod says the same while the pod exists.
    Some(match (kind, reason, container()) {
        ("Pod", "Scheduled", _) => observation.once(uid, ASSIGNED),
        ("Pod", "Started", Some(container)) => {
            observation.recurring(&run_id(uid, container), STARTED)
        }
        _ => observation.once("event", event.metadata.uid.as_deref().unwrap_or_default()),
    })
}

/// Returns the requests of an audit log that changed objects of a scope. `desired` are the
/// objects of the target. Where the log has no bodies, what a request is about follows from
/// the name, as for objects that are gone.
pub(crate) fn imported(scope: &Scope, kube: &KubernetesDesired, log: &str) -> Vec<Observation> {
    let components: BTreeSet<_> = kube
        .objects
        .iter()
        .filter_map(|object| object.component.as_ref())
        .collect();
    let requests = audit::parse(log).unwrap_or_default();
    let own = requests.iter().filter_map(|request| {
        let name = request.name.as_deref()?;
        let own_namespace = request.namespace.as_deref() == Some(kube.namespace.as_str());
        let declared = kube.objects.iter().find(|object| {
            object.name == name
                && object.namespace == request.namespace
                && audit::plural(&object.kind) == request.resource
        });
        let labels = request
            .after
            .as_ref()
            .map(|after| &after["metadata"]["labels"]);
        let generated = GENERATED
            .iter()
            .find(|kind| audit::plural(kind) == request.resource);
        let (kind, component) = match (declared, generated) {
            (Some(object), _) => (object.kind.as_str(), object.component.clone()),
            (None, Some(kind)) if own_namespace => {
                let component = match labels {
                    Some(labels) => {
                        let is = |label: &str, value: &str| labels[label] == value;
                        let own =
                            is(label::SYSTEM, &scope.system) && is(label::TARGET, &scope.target);
                        own.then(|| labels[label::COMPONENT].as_str().map(str::to_owned))?
                    }
                    None => Some(of_name(name, &components)?),
                };
                (*kind, component)
            }
            _ => return None,
        };
        Some(of_request(request, &format!("{kind} {name}"), component))
    });
    own.collect()
}

fn of_request(request: &Request, object: &str, component: Option<Name>) -> Observation {
    let metadata = request.after.as_ref().map(|after| &after["metadata"]);
    let text = |field: &str| metadata.and_then(|metadata| metadata[field].as_str());
    let action = match request.verb.as_str() {
        "create" => "created",
        "delete" => "deletion requested",
        _ => "changed",
    };
    let agent = request.user_agent.as_deref().unwrap_or_default();
    let agent = match agent.split(['/', ' ']).next() {
        Some(agent) if !agent.is_empty() => format!(" with {agent}"),
        _ => String::new(),
    };
    let event = format!("{action} by {}{agent}", request.user);
    let observation = Observation {
        component,
        source: Source::Imported,
        sequence: text("resourceVersion").and_then(|version| version.parse().ok()),
        ..Observation::new(API_SERVER, request.at, object.to_owned(), event)
    };
    match (request.verb.as_str(), text("uid")) {
        ("create", Some(uid)) => Observation {
            causes: vec![Link::new(Proof::Identity, uid)],
            ..observation.once(uid, "created")
        },
        ("delete", Some(uid)) => observation.once(uid, "deletion"),
        _ => observation.once("request", &request.id),
    }
}

/// Leaves out the messages of events, which may quote the value of a secret that could not
/// be read, and so not be replaced.
pub(crate) fn without_messages(observation: &Observation) -> Observation {
    let mut observation = observation.clone();
    if observation.source == Source::Event
        && let Some((reason, _)) = observation.event.split_once(": ")
    {
        observation.event = reason.to_owned();
    }
    observation
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
                    "reason": "Unhealthy", "message": "Readiness probe failed:\n dial tcp hunter2",
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

    fn scope() -> Scope {
        Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
        }
    }

    #[test]
    fn the_output_of_commands_is_not_quoted() {
        let quoted = |reason: &str, message: &str| {
            let event = event(json!({"metadata": {}, "involvedObject": {}, "message": message}));
            quotable(reason, &event).to_owned()
        };
        let status = "Startup probe failed: HTTP probe failed with statuscode: 502";
        assert_eq!(quoted("Unhealthy", status), status);
        for said in [
            "Readiness probe failed: old-key",
            "Readiness probe failed:\n\nold-key",
        ] {
            assert_eq!(quoted("Unhealthy", said), "Readiness probe failed");
        }
        let hook = "Exec lifecycle hook failed - error: 1, message: \"old-key\"";
        assert_eq!(quoted("FailedPreStopHook", hook), "");
    }

    #[test]
    fn each_machine_has_its_own_lane() {
        let all = observations(&live(), &Redaction::new(&["hunter2".to_owned()]));
        let timeline = Timeline::new(scope(), Timestamp::UNIX_EPOCH, all);
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
                        "11:00:13 Pod web-1 Unhealthy: Readiness probe failed: dial tcp *** 3",
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
    fn requests_of_an_audit_log_are_imported() {
        let line = |resource: &str, name: &str, verb: &str, after: Option<Value>| {
            let mut event = json!({"kind": "Event", "auditID": format!("{name}-{verb}"),
                "stage": "ResponseComplete", "verb": verb, "user": {"username": "ann"},
                "userAgent": "kubectl/v1.34", "responseStatus": {"code": 200},
                "objectRef": {"resource": resource, "namespace": "shop", "name": name},
                "requestReceivedTimestamp": "2026-11-30T12:00:08.5Z"});
            if let Some(after) = after {
                event["responseObject"] = after;
            }
            event.to_string()
        };
        let own = json!({label::SYSTEM: "shop", label::TARGET: "prod", label::COMPONENT: "web"});
        let pod = |labels: &Value| {
            json!({"kind": "Pod",
            "metadata": {"uid": "7", "resourceVersion": "41", "labels": labels}})
        };
        let log = [
            line("deployments", "web", "patch", None),
            line("deployments", "other", "patch", None),
            line("pods", "web-1", "create", Some(pod(&own))),
            line("pods", "web-2", "create", Some(pod(&json!({})))),
            line("pods", "web-1", "delete", None),
            line("pods", "other-1", "delete", None),
            line("secrets", "web", "update", None),
        ]
        .join("\n");
        let object = |kind: &str, name: &str| kcc_lower::kubernetes::Object {
            api_version: "apps/v1".to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: Some("shop".to_owned()),
            component: Some("web".to_owned()),
            team: None,
            data: false,
            manifest: Value::Null,
        };
        let kube = KubernetesDesired {
            namespace: "shop".to_owned(),
            objects: vec![object("Deployment", "web")],
            ..KubernetesDesired::default()
        };
        let all = imported(&scope(), &kube, &log);
        let shown: Vec<_> = all
            .iter()
            .map(|one| format!("{} {}", one.object, one.event))
            .collect();
        assert_eq!(
            shown,
            [
                "Deployment web changed by ann with kubectl",
                "Pod web-1 created by ann with kubectl",
                "Pod web-1 deletion requested by ann with kubectl",
            ]
        );
        assert_eq!(all[1].sequence, Some(41));
        assert_eq!(all[1].causes, [Link::new(Proof::Identity, "7")]);
        assert!(
            all.iter()
                .all(|one| one.component.as_deref() == Some("web"))
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
