//! The cause why a pod is not ready, from its conditions, its containers and events
//! about it. Pure.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kcc_model::{RefusedImage, RefusedUser};

use crate::{
    observed::label,
    pod_container::{self, PodContainer, Role, ended},
    pods::{is_image, waiting},
    text::one_line,
};

/// The prefixes of the cluster's messages about failed probes.
const FAILED_CHECK: [&str; 3] = [
    "Readiness probe failed: ",
    "Startup probe failed: ",
    "Liveness probe failed: ",
];

/// Returns the cause why a pod is not ready.
pub(crate) fn why(pod: &Pod, events: &[Event]) -> String {
    let Some(status) = &pod.status else {
        return "pod has just been created".to_owned();
    };
    if let Some(condition) = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
    {
        let message = condition.message.as_deref().unwrap_or("no reason given");
        return format!("pod cannot be scheduled: {}", one_line(message));
    }
    for part in pod_container::of(pod, status) {
        if let Some(why) = of_container_in(pod, part, events) {
            return part.describe(&why);
        }
    }
    match (&status.reason, &status.message) {
        (Some(reason), Some(message)) => format!("pod failed ({reason}): {}", one_line(message)),
        (Some(reason), None) => format!("pod failed ({reason})"),
        _ => pod_event(pod, "FailedMount", events)
            .map_or_else(|| "pod is starting".to_owned(), one_line),
    }
}

fn of_container_in(pod: &Pod, part: PodContainer<'_>, events: &[Event]) -> Option<String> {
    let running = part.status.state.as_ref()?.running.is_some();
    match part.role {
        Role::Init if part.step_code() == Some(0) => None,
        Role::Init if running && !has_crashed(part.status) => Some("still running".to_owned()),
        _ => of_container(pod, part.status, events),
    }
}

fn of_container(pod: &Pod, container: &ContainerStatus, events: &[Event]) -> Option<String> {
    if let Some((reason, message)) = waiting(container) {
        return Some(match reason {
            "ContainerCreating" | "PodInitializing" => pod_event(pod, "FailedMount", events)
                .or_else(|| pod_event(pod, "FailedCreatePodSandBox", events))
                .map_or_else(|| "container is being created".to_owned(), one_line),
            reason => match refused_user(message) {
                Some(user) if reason == "CreateContainerConfigError" => {
                    refused_image(pod, container, user).message()
                }
                _ => of_waiting(container, reason, message),
            },
        });
    }
    let state = container.state.as_ref()?;
    if let Some(how) = ended(state) {
        let fine = state
            .terminated
            .as_ref()
            .is_some_and(|ended| ended.exit_code == 0);
        if container.restart_count > 0 {
            return Some(crash_loop(container));
        }
        return (!fine || container.ready).then_some(how);
    }
    let answer = check(pod, events);
    match answer {
        // A failed check is the cause of restarts too.
        Some(answer) if !container.ready => Some(answer),
        _ if has_crashed(container) => Some(crash_loop(container)),
        _ => (!container.ready).then(|| "running, not ready yet".to_owned()),
    }
}

/// Returns the image that keeps a pod from running because the kubelet refuses its
/// user, which is permanent.
pub(crate) fn refused(pod: &Pod) -> Option<RefusedImage> {
    let status = pod.status.as_ref()?;
    let mut containers = pod_container::of(pod, status);
    containers.find_map(|part| match waiting(part.status)? {
        ("CreateContainerConfigError", message) => {
            let user = refused_user(message)?;
            Some(refused_image(pod, part.status, user))
        }
        _ => None,
    })
}

fn refused_image(pod: &Pod, container: &ContainerStatus, user: RefusedUser) -> RefusedImage {
    let of = |name: &str| pod.metadata.labels.as_ref()?.get(name).map(String::as_str);
    let name = of(label::COMPONENT).unwrap_or(&container.name);
    let section = match of(label::ROLE) {
        Some("job") => "jobs",
        Some("cron-job") => "cronJobs",
        _ => "services",
    };
    RefusedImage {
        path: format!("{section}.{name}"),
        image: container.image.clone(),
        user,
    }
}

/// Parses the user in the kubelet's refusal, which is worded so since Kubernetes 1.4.
fn refused_user(message: &str) -> Option<RefusedUser> {
    if message.contains("runAsNonRoot and image will run as root") {
        return Some(RefusedUser::SomeRoot);
    }
    let (_, rest) = message.split_once("runAsNonRoot and image has non-numeric user (")?;
    let (user, _) = rest.split_once(')')?;
    Some(RefusedUser::Name(user.to_owned()))
}

/// Describes a waiting container by the kubelet's reason.
pub(crate) fn of_waiting(container: &ContainerStatus, reason: &str, message: &str) -> String {
    match reason {
        reason if is_image(reason) => {
            let (image, why) = (&container.image, one_line(reason_of_pull(message, reason)));
            let why = why.strip_prefix(&format!("{image}: ")).unwrap_or(&why);
            format!("image cannot be pulled: {image}: {why}")
        }
        "CrashLoopBackOff" => crash_loop(container),
        "CreateContainerConfigError" => {
            format!("container cannot be created: {}", one_line(message))
        }
        reason if message.is_empty() => format!("container is waiting ({reason})"),
        reason => format!("container is waiting ({reason}): {}", one_line(message)),
    }
}

/// Returns true if a container was restarted after an exit.
pub(crate) fn has_crashed(container: &ContainerStatus) -> bool {
    let last = container.last_state.as_ref();
    container.restart_count > 0 && last.is_some_and(|last| last.terminated.is_some())
}

/// Describes a crash loop. In each round the container runs for a moment, or has
/// exited and does not wait yet.
fn crash_loop(container: &ContainerStatus) -> String {
    let states = [&container.state, &container.last_state];
    let how = states.into_iter().flatten().find_map(ended);
    let how = how.map_or_else(String::new, |how| format!("{how}, "));
    match container.restart_count {
        1 => format!("crash loop: {how}1 restart"),
        count => format!("crash loop: {how}{count} restarts"),
    }
}

/// Describes a failed health check of a pod. The output of a command may contain
/// anything, so it is not quoted.
fn check(pod: &Pod, events: &[Event]) -> Option<String> {
    let answer = pod_event(pod, "Unhealthy", events)?;
    let runs_command = pod
        .spec
        .iter()
        .flat_map(|spec| {
            spec.init_containers
                .iter()
                .flatten()
                .chain(&spec.containers)
        })
        .any(|container| {
            let probes = [
                &container.readiness_probe,
                &container.startup_probe,
                &container.liveness_probe,
            ];
            probes
                .into_iter()
                .flatten()
                .any(|probe| probe.exec.is_some())
        });
    if runs_command {
        return Some("health check failed".to_owned());
    }
    let answer = FAILED_CHECK
        .iter()
        .find_map(|words| answer.strip_prefix(words))
        .unwrap_or(answer);
    Some(format!("health check failed: {}", one_line(answer)))
}

/// Returns the message of the last event of a reason about a pod.
fn pod_event<'a>(pod: &Pod, reason: &str, events: &'a [Event]) -> Option<&'a str> {
    last_event(pod.metadata.uid.as_deref()?, reason, events)
}

/// Returns the message of the last event of a reason about an object.
pub(crate) fn last_event<'a>(uid: &str, reason: &str, events: &'a [Event]) -> Option<&'a str> {
    let about = |event: &&Event| {
        event.reason.as_deref() == Some(reason) && event.involved_object.uid.as_deref() == Some(uid)
    };
    events
        .iter()
        .filter(about)
        .max_by_key(|event| event.last_timestamp.clone())
        .and_then(|event| event.message.as_deref())
}

/// Returns the end of a chain of causes that all repeat the image's name.
fn reason_of_pull<'a>(message: &'a str, reason: &'a str) -> &'a str {
    if message.is_empty() {
        return reason;
    }
    let mut rest = message
        .split_once("ErrImagePull: ")
        .map_or(message, |(_, reason)| reason);
    for step in ["pull and unpack image", "resolve reference"] {
        rest = rest
            .strip_prefix(&format!("failed to {step} \""))
            .and_then(|rest| Some(rest.split_once("\": ")?.1))
            .unwrap_or(rest);
    }
    rest
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        pods::{is_ready, is_started, lacks_image},
        stuck::is_failing,
    };

    pub(crate) fn pod(status: &Value) -> Pod {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-1", "uid": "u"},
            "spec": {"containers": [{"name": "web"}]},
            "status": status,
        });
        serde_json::from_value(pod).unwrap()
    }

    fn container(state: &Value) -> Value {
        json!({"containerStatuses": [{
            "name": "web", "image": "acme/web:1", "imageID": "", "ready": false,
            "restartCount": 4, "state": state,
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "s3cret"}},
        }]})
    }

    fn event(reason: &str, message: &str) -> Event {
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e"},
            "involvedObject": {"uid": "u"},
            "reason": reason,
            "message": message,
        });
        serde_json::from_value(event).unwrap()
    }

    fn waits(reason: &str, message: &str) -> Pod {
        pod(&container(
            &json!({"waiting": {"reason": reason, "message": message}}),
        ))
    }

    #[test]
    fn names_an_image_whose_user_is_refused() {
        let refusal = |message: &str| {
            let mut pod = waits("CreateContainerConfigError", message);
            pod.metadata.labels = Some(BTreeMap::from([
                ("app.kubernetes.io/name".to_owned(), "load".to_owned()),
                ("app.kubernetes.io/component".to_owned(), "job".to_owned()),
            ]));
            (why(&pod, &[]), refused(&pod).unwrap().path)
        };
        let path = "jobs.load".to_owned();
        let root = "container has runAsNonRoot and image will run as root (pod: \"web-1\", \
                    container: web)";
        let text = "image `acme/web:1` of `jobs.load` starts as root, which profile `restricted` \
                    refuses";
        assert_eq!(refusal(root), (text.to_owned(), path.clone()));
        let name = "container has runAsNonRoot and image has non-numeric user (node), cannot \
                    verify user is non-root (pod: \"web-1\", container: web)";
        let text = "image `acme/web:1` of `jobs.load` starts as user `node`; Kubernetes cannot tell \
                    from a name that it is not root, as profile `restricted` requires";
        assert_eq!(refusal(name), (text.to_owned(), path));
        assert_eq!(
            refused(&waits("CreateContainerConfigError", "no such key")),
            None
        );
    }

    #[test]
    fn names_what_keeps_a_pod_from_running() {
        let unscheduled = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient memory.",
        }]});
        assert_eq!(
            why(&pod(&unscheduled), &[]),
            "pod cannot be scheduled: 0/1 nodes are available: 1 Insufficient memory."
        );
        assert_eq!(
            why(&waits("ImagePullBackOff", "Back-off pulling image"), &[]),
            "image cannot be pulled: acme/web:1: Back-off pulling image"
        );
        let chain = "Back-off pulling image \"acme/web:1\": ErrImagePull: failed to pull and unpack \
                     image \"acme/web:1\": failed to resolve reference \"acme/web:1\": acme/web:1: \
                     not found";
        assert_eq!(
            why(&waits("ImagePullBackOff", chain), &[]),
            "image cannot be pulled: acme/web:1: not found"
        );
        let expected = "crash loop: out of memory (exit code 137), 4 restarts";
        assert_eq!(
            why(&waits("CrashLoopBackOff", "back-off 40s"), &[]),
            expected
        );
        let between = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        assert_eq!(why(&pod(&container(&between)), &[]), expected);
        assert!(is_failing(&waits("CrashLoopBackOff", "")));
        assert!(lacks_image(&waits("ErrImagePull", "")));
        assert_eq!(
            why(
                &waits("CreateContainerConfigError", "secret \"stripe\" not found"),
                &[]
            ),
            "container cannot be created: secret \"stripe\" not found"
        );
        let mount = event(
            "FailedMount",
            "MountVolume.SetUp failed:\n no such ConfigMap",
        );
        assert_eq!(
            why(&waits("ContainerCreating", ""), &[mount]),
            "MountVolume.SetUp failed: no such ConfigMap"
        );
    }

    #[test]
    fn quotes_a_check_unless_it_is_a_command() {
        let mut running = pod(&container(&json!({"running": {}})));
        assert_eq!(
            why(&running, &[]),
            "crash loop: out of memory (exit code 137), 4 restarts"
        );
        let event = [event(
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 404",
        )];
        assert_eq!(
            why(&running, &event),
            "health check failed: HTTP probe failed with statuscode: 404"
        );
        let probe = json!({"exec": {"command": ["x"]}});
        running.spec.as_mut().unwrap().containers[0].readiness_probe =
            serde_json::from_value(probe).unwrap();
        assert_eq!(why(&running, &event), "health check failed");
        assert!(is_started(&running) && !is_ready(&running));
    }
}
