//! Builds the status report: the state of each component and why it is not ready.

use std::{collections::BTreeMap, net::SocketAddr};

use kcc_lower::{
    Desired,
    docker::{Container, DockerDesired},
};
use kcc_model::{Name, Until};
use kcc_plan::{Address, Cause, ComponentStatus, Error, Readiness, Scope, State, StatusReport};

use crate::{
    driver::counts_for_readiness,
    endpoint::Endpoint,
    observed::{ContainerState, Observed, ObservedContainer, Ownership},
    readiness::ReadinessCheck,
};

/// Determines the status of every component.
pub(crate) async fn status(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
    check: &ReadinessCheck<'_>,
    scope: Scope,
    unfinished: bool,
) -> Result<StatusReport, Error> {
    let mut components = observed.sharing.statuses(desired);
    let by_component = by_component(docker);
    let none = Vec::new();
    for (name, component) in &desired.components {
        let own = by_component.get(name).unwrap_or(&none);
        let containers: BTreeMap<_, _> = own
            .iter()
            .copied()
            .filter(|(_, container)| counts_for_readiness(docker, container))
            .collect();
        let on_demand = containers.iter().find(|(_, container)| container.on_demand);
        let mut status = if containers.is_empty() {
            ComponentStatus::external()
        } else if let Some((container, _)) = on_demand {
            let start = scope.command(&format!("start {name}"));
            self::on_demand(&start, managed(observed, container))
        } else {
            of_containers(&containers, component.job, observed, check).await?
        };
        status.team = Some(component.team.clone());
        status.addresses = addresses(own, observed, check.endpoint);
        components.insert(name.clone(), status);
    }
    for existing in observed.containers.values() {
        let Some(name) = &existing.object.component else {
            continue;
        };
        let managed = existing.object.ownership != Ownership::Unmanaged;
        if managed && !components.contains_key(name) {
            components.insert(name.clone(), orphan(existing));
        }
    }
    Ok(StatusReport::new(
        desired,
        scope,
        components,
        &observed.unapplied,
        unfinished,
        observed.labelled(),
    ))
}

async fn of_containers(
    containers: &BTreeMap<&String, &Container>,
    job: bool,
    observed: &Observed,
    check: &ReadinessCheck<'_>,
) -> Result<ComponentStatus, Error> {
    let until = if job {
        Until::Completed
    } else {
        Until::Healthy
    };
    let (mut cause, mut failed) = (None, false);
    let (mut up, mut any_exists) = (false, false);
    // A replica is ready only if its sidecars are.
    let mut ready: BTreeMap<&String, bool> = BTreeMap::new();
    for (name, container) in containers {
        let existing = managed(observed, name);
        any_exists |= existing.is_some();
        up |= existing.is_some_and(|existing| existing.state == ContainerState::Running);
        let answer = if existing.is_none() && observed.containers.contains_key(*name) {
            let why = format!("a container named `{name}` exists and is not managed by kcc");
            Readiness::Waiting(Cause::new("unmanaged", why))
        } else {
            check.run(name, container, until).await?
        };
        let replica = ready
            .entry(container.sidecar_of.as_ref().unwrap_or(name))
            .or_insert(true);
        *replica &= answer == Readiness::Ready;
        failed |= matches!(answer, Readiness::Failed(_));
        cause = cause.or_else(|| answer.cause());
    }
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let replicas = count(ready.len());
    let ready = count(ready.values().filter(|well| **well).count());
    let state = match () {
        () if !any_exists => State::Absent,
        () if ready == replicas && job => State::Completed,
        () if ready == replicas => State::Running,
        () if failed => State::Failed,
        () if up => State::Starting,
        () => State::Stopped,
    };
    let status = ComponentStatus::new(state, (ready, replicas));
    Ok(match cause {
        Some(cause) => status.caused_by(cause),
        None => status,
    })
}

/// Returns the container of that name, unless kcc did not create it: what it does
/// says nothing about the component.
fn managed<'a>(observed: &'a Observed, name: &str) -> Option<&'a ObservedContainer> {
    let existing = observed.containers.get(name)?;
    (existing.object.ownership != Ownership::Unmanaged).then_some(existing)
}

/// The desired containers of each component, by name.
pub(crate) type ByComponent<'a> = BTreeMap<&'a Name, Vec<(&'a String, &'a Container)>>;

/// Returns the desired containers of each component.
pub(crate) fn by_component(docker: &DockerDesired) -> ByComponent<'_> {
    let mut all = ByComponent::new();
    for (name, container) in &docker.containers {
        let own = all.entry(&container.component).or_default();
        own.push((name, container));
    }
    all
}

/// Returns the addresses at which the ports of containers are reachable from outside.
/// For a remote engine these use the host of its endpoint.
pub(crate) fn addresses(
    containers: &[(&String, &Container)],
    observed: &Observed,
    endpoint: &Endpoint,
) -> Vec<Address> {
    let mut all = Vec::new();
    for (name, container) in containers {
        let Some(existing) = managed(observed, name) else {
            continue;
        };
        for publish in &container.ports {
            let key = (publish.container, publish.protocol.to_owned());
            let ends = existing.addresses.get(&key).into_iter().flatten();
            all.extend(ends.map(|end| address(*end, publish.container, endpoint)));
        }
    }
    all
}

/// Returns the address at which a port of a container is reachable.
pub(crate) fn address(end: SocketAddr, port: u16, endpoint: &Endpoint) -> Address {
    Address {
        text: if !endpoint.is_local() && end.ip().is_unspecified() {
            format!("{}:{}", endpoint.host(), end.port())
        } else {
            end.to_string()
        },
        port: Some(port),
    }
}

/// Reports a container that runs on demand: kcc only answers for its existence.
/// `start` is the command that runs it.
fn on_demand(start: &str, existing: Option<&ObservedContainer>) -> ComponentStatus {
    let start = format!("not scheduled on Docker; run it with `{start}`");
    let (state, why) = match existing.map(|existing| existing.state) {
        None => (State::Absent, None),
        Some(ContainerState::Created) => (State::Stopped, Some(start)),
        Some(ContainerState::Running | ContainerState::Paused) => (State::Running, None),
        Some(ContainerState::Exited(0)) => (State::Completed, Some(start)),
        Some(ContainerState::Exited(code)) => (
            State::Failed,
            Some(format!("last run exited with exit code {code}")),
        ),
        Some(ContainerState::Restarting | ContainerState::Dead) => (State::Failed, None),
    };
    let status = ComponentStatus::new(state, (u32::from(existing.is_some()), 1));
    match why {
        Some(why) => status.because(why),
        None => status,
    }
}

/// Reports a component that is no longer declared.
fn orphan(existing: &ObservedContainer) -> ComponentStatus {
    let running = existing.state == ContainerState::Running;
    let state = if running {
        State::Running
    } else {
        State::Stopped
    };
    let mut status = ComponentStatus::new(state, (0, 0)).because(match existing.object.ownership {
        Ownership::Owned => "no longer declared; the next apply removes it",
        _ => "not declared",
    });
    status.team.clone_from(&existing.object.team);
    status
}
