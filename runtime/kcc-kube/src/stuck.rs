//! Detects pods that cannot become ready without a change, and workloads that
//! cannot create any: waiting for them ends at once. Pure.
//!
//! In doubt, a pod is awaited until its deadline. A missing Secret or `ConfigMap`
//! may come from a controller or another team, and a pod that fits on no node may
//! fit on the one that an autoscaler adds for it.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::{
    cause,
    pod_container::{self, PodContainer},
    pods::{is_image, waiting},
};

/// A workload's treatment of containers that exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exits {
    /// Containers run indefinitely: a crash loop is a failure.
    Never,
    /// Containers run to completion; failures are counted and retried.
    Retried,
}

/// Returns the cause if a pod cannot become ready without a change.
pub(crate) fn stuck(pod: &Pod, exits: Exits) -> Option<String> {
    let status = pod.status.as_ref()?;
    let mut all = pod_container::of(pod, status);
    all.find_map(|part| of_container_in(part, exits))
}

fn of_container_in(part: PodContainer<'_>, exits: Exits) -> Option<String> {
    let (reason, message) = waiting(part.status)?;
    let is_final = match reason {
        "CrashLoopBackOff" => exits == Exits::Never,
        "CreateContainerConfigError" => message.contains("runAsNonRoot"),
        reason => is_image(reason),
    };
    let cause = is_final.then(|| cause::of_waiting(part.status, reason, message))?;
    Some(part.describe(&cause))
}

/// Returns true if a pod is stuck, failed, or between two runs of a crash loop.
pub(crate) fn is_failing(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    let crashes = |container: &ContainerStatus| !container.ready && cause::has_crashed(container);
    status.phase.as_deref() == Some("Failed")
        || stuck(pod, Exits::Never).is_some()
        || pod_container::of(pod, status).any(|part| crashes(part.status))
}

/// Returns true if a refusal to create pods holds until the pod template changes.
/// That is not so for a quota, which may be raised or freed.
pub(crate) fn is_refused_for_good(message: &str) -> bool {
    message.contains("violates PodSecurity")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cause::tests::pod;

    fn waits(reason: &str, message: &str) -> Pod {
        pod(&json!({"containerStatuses": [{
            "name": "web", "image": "acme/web:1", "imageID": "", "ready": false,
            "restartCount": 4,
            "state": {"waiting": {"reason": reason, "message": message}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
        }]}))
    }

    #[test]
    fn only_pods_that_need_a_change_are_stuck() {
        let cause = |reason, message| stuck(&waits(reason, message), Exits::Never);
        assert_eq!(
            cause("CrashLoopBackOff", "back-off 40s").as_deref(),
            Some("crash loop: exit code 3, 4 restarts")
        );
        let missing = "rpc error: not found";
        assert_eq!(
            cause("ErrImagePull", missing).as_deref(),
            Some("image cannot be pulled: acme/web:1: rpc error: not found")
        );
        for reason in ["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"] {
            assert!(cause(reason, "").is_some(), "{reason}");
        }
        let root = "container has runAsNonRoot and image will run as root";
        assert!(cause("CreateContainerConfigError", root).is_some());
        for awaited in [
            "secret \"stripe\" not found",
            "couldn't find key api in Secret",
        ] {
            assert_eq!(cause("CreateContainerConfigError", awaited), None);
        }
        for (reason, message) in [("ContainerCreating", ""), ("CreateContainerError", "busy")] {
            assert_eq!(cause(reason, message), None, "{reason}");
        }
    }

    #[test]
    fn retried_containers_may_exit() {
        let crashed = waits("CrashLoopBackOff", "");
        assert_eq!(stuck(&crashed, Exits::Retried), None);
        assert!(stuck(&waits("ErrImagePull", ""), Exits::Retried).is_some());
    }

    #[test]
    fn a_crash_loop_is_failing_between_its_runs_too() {
        let between = |state| {
            pod(&json!({"containerStatuses": [{
                "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 2,
                "state": state, "lastState": {"terminated": {"exitCode": 3}},
            }]}))
        };
        assert!(is_failing(&between(json!({"running": {}}))));
        assert!(is_failing(&between(json!({"terminated": {"exitCode": 3}}))));
        let first = pod(&json!({"containerStatuses": [{
            "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"running": {}},
        }]}));
        assert!(!is_failing(&first));
    }
}
