//! The containers of a pod with their roles (main containers, init steps and
//! sidecars), and how one exited. Pure.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};

use crate::{pods, text::one_line};

/// The role of a container in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Main,
    /// It completes before the next container starts.
    Init,
    /// It starts like an init step and keeps running next to the main container.
    Sidecar,
}

/// A container of a pod with its role.
#[derive(Clone, Copy)]
pub(crate) struct PodContainer<'a> {
    pub(crate) role: Role,
    pub(crate) status: &'a ContainerStatus,
}

impl PodContainer<'_> {
    /// Returns the exit code of an init step that has ended.
    pub(crate) fn step_code(&self) -> Option<i32> {
        let ended = self.status.state.as_ref()?.terminated.as_ref();
        ended
            .filter(|_| self.role == Role::Init)
            .map(|ended| ended.exit_code)
    }

    /// Prefixes a description with the container's name, unless it is the main one.
    pub(crate) fn describe(&self, what: &str) -> String {
        match self.role {
            Role::Main => what.to_owned(),
            Role::Init => format!("init step `{}`: {what}", self.status.name),
            Role::Sidecar => format!("sidecar `{}`: {what}", self.status.name),
        }
    }
}

/// Returns the containers of a pod in the order in which they start.
pub(crate) fn of<'a>(
    pod: &'a Pod,
    status: &'a PodStatus,
) -> impl Iterator<Item = PodContainer<'a>> {
    let spec = pod.spec.iter();
    let sidecars: Vec<_> = spec
        .flat_map(|spec| spec.init_containers.iter().flatten())
        .filter(|container| container.restart_policy.as_deref() == Some("Always"))
        .map(|container| container.name.as_str())
        .collect();
    let init = status.init_container_statuses.iter().flatten();
    let init = init.map(move |status| PodContainer {
        role: if sidecars.contains(&status.name.as_str()) {
            Role::Sidecar
        } else {
            Role::Init
        },
        status,
    });
    let main = status.container_statuses.iter().flatten();
    init.chain(main.map(|status| PodContainer {
        role: Role::Main,
        status,
    }))
}

/// Describes how a run of a pod failed that is not retried: the first init step
/// that failed, or else the main container.
pub(crate) fn how_it_failed(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    of(pod, status).find_map(|part| {
        let how = ended(part.status.state.as_ref()?)?;
        let fails = part.role != Role::Sidecar && part.step_code() != Some(0);
        fails.then(|| part.describe(&how))
    })
}

/// Returns the container whose log explains why a pod is not ready, and true if the
/// log is that of its previous run: the first init step or sidecar that is not ok,
/// or else the main container.
pub(crate) fn log_source(pod: &Pod) -> Option<(&str, bool)> {
    let status = pod.status.as_ref();
    let unwell = |part: &PodContainer<'_>| match part.role {
        Role::Main => false,
        Role::Init => part.step_code() != Some(0),
        Role::Sidecar => !part.status.ready,
    };
    let mut all = status.into_iter().flat_map(|status| of(pod, status));
    let name = match all.find(unwell) {
        Some(part) => part.status.name.as_str(),
        None => pod.spec.as_ref()?.containers.first()?.name.as_str(),
    };
    let mut all = status.into_iter().flat_map(pods::containers);
    let own = all.find(|container| container.name == name);
    let previous = own.is_some_and(|container| {
        let state = container.state.as_ref();
        let waits = state.is_some_and(|state| state.waiting.is_some());
        waits && container.restart_count > 0
    });
    Some((name, previous))
}

/// Describes how a container exited. Its own message is left out: it may contain
/// anything. The container engine's message about a failed start does not.
pub(crate) fn ended(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    let code = format!("exit code {}", ended.exit_code);
    Some(match (ended.reason.as_deref(), &ended.message) {
        (Some("OOMKilled"), _) => format!("out of memory ({code})"),
        (Some("StartError" | "ContainerCannotRun"), Some(message)) => {
            format!("cannot be started: {}", one_line(reason_of_start(message)))
        }
        (Some("Error" | "Completed") | None, _) => code,
        (Some(reason), _) => format!("{code} ({reason})"),
    })
}

/// Returns the end of a chain of causes that all say that a container failed to start.
fn reason_of_start(message: &str) -> &str {
    let at = message.find("exec: ").unwrap_or_default();
    &message[at..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cause::{tests::pod, why},
        stuck::is_failing,
    };
    use serde_json::{Value, json};

    /// A pod with two init steps, a sidecar and a main container.
    fn with_sidecar(first: &Value, second: &Value, proxy: &Value) -> Pod {
        let status = |name: &str, state: &Value| {
            let ready = state.pointer("/terminated/exitCode") == Some(&json!(0));
            json!({"name": name, "image": "", "imageID": "", "ready": ready,
                   "restartCount": 2, "state": state})
        };
        let waits = json!({"waiting": {"reason": "PodInitializing"}});
        let mut pod = pod(&json!({
            "initContainerStatuses": [
                status("fetch", first), status("migrate", second), status("proxy", proxy),
            ],
            "containerStatuses": [status("web", &waits)],
        }));
        let init = json!([
            {"name": "fetch"}, {"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always"},
        ]);
        pod.spec.as_mut().unwrap().init_containers = serde_json::from_value(init).unwrap();
        pod
    }

    #[test]
    fn names_init_steps_and_sidecars() {
        let done = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        let failed = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
        let runs = json!({"running": {}});
        let later = json!({"waiting": {"reason": "PodInitializing"}});
        let crashing = json!({"waiting": {"reason": "CrashLoopBackOff"}});

        let pod = with_sidecar(&runs, &later, &later);
        assert_eq!(why(&pod, &[]), "init step `fetch`: still running");
        let pod = with_sidecar(&done, &failed, &later);
        let expected = "init step `migrate`: exit code 3";
        assert_eq!(how_it_failed(&pod).as_deref(), Some(expected));
        let expected = "init step `migrate`: crash loop: exit code 3, 2 restarts";
        assert_eq!(why(&pod, &[]), expected);
        assert_eq!(log_source(&pod), Some(("migrate", false)));
        let pod = with_sidecar(&done, &crashing, &later);
        let expected = "init step `migrate`: crash loop: 2 restarts";
        assert_eq!(why(&pod, &[]), expected);
        assert_eq!(log_source(&pod), Some(("migrate", true)));
        assert!(is_failing(&pod));
        let pod = with_sidecar(&done, &done, &runs);
        assert_eq!(why(&pod, &[]), "sidecar `proxy`: running, not ready yet");
        assert_eq!(log_source(&pod), Some(("proxy", false)));
        let mut pod = with_sidecar(&done, &done, &runs);
        let statuses = pod
            .status
            .as_mut()
            .unwrap()
            .init_container_statuses
            .as_mut();
        statuses.unwrap()[2].ready = true;
        assert_eq!(why(&pod, &[]), "container is being created");
        assert_eq!(log_source(&pod), Some(("web", true)));
    }
}
