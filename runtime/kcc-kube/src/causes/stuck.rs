//! The outlook of a pod: whether its containers may end, and whether it is failing.
//!
//! In doubt, a pod is awaited until its deadline: its cause is not final. A missing
//! Secret or `ConfigMap` may come from a controller or another team, a quota may be
//! raised, and a pod that fits on no node may fit on the one that an autoscaler adds.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::pods::{self, is_image, waiting};

/// A workload's treatment of containers that exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exits {
    /// Containers run indefinitely: a crash loop is a failure.
    Never,
    /// Containers run to completion; failures are counted and retried.
    Retried,
}

/// Returns true if a pod has failed, or is anywhere in a crash loop.
pub(crate) fn is_failing(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    let crashes = |container: &ContainerStatus| !container.ready && has_crashed(container);
    status.phase.as_deref() == Some("Failed")
        || pods::containers(status).any(|container| is_refused(container) || crashes(container))
}

/// Returns true for a container that waits for something that does not come by itself.
fn is_refused(container: &ContainerStatus) -> bool {
    waiting(container).is_some_and(|(reason, message)| match reason {
        "CrashLoopBackOff" => true,
        "CreateContainerConfigError" => message.contains("runAsNonRoot"),
        reason => is_image(reason),
    })
}

/// Returns true if a container was restarted after an exit.
fn has_crashed(container: &ContainerStatus) -> bool {
    let last = container.last_state.as_ref();
    container.restart_count > 0 && last.is_some_and(|last| last.terminated.is_some())
}
