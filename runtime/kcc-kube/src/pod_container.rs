//! The containers of a pod with their roles: main containers, init steps and sidecars.
//! Pure.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

use crate::pods;

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

/// Returns true if a run of a pod failed that is not retried.
pub(crate) fn has_failed(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    of(pod, status).any(|part| {
        let state = part.status.state.as_ref();
        let ended = state.and_then(|state| state.terminated.as_ref());
        ended.is_some() && part.role != Role::Sidecar && part.step_code() != Some(0)
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
