//! What runs of a target, and why what does not.

use std::collections::BTreeMap;

use kcc_lower::{
    Desired,
    docker::{Container, DockerDesired},
};
use kcc_model::Until;
use kcc_plan::{ComponentStatus, Error, Readiness, Scope, State, StatusReport};

use crate::{
    endpoint::Endpoint,
    engine::counts,
    observed::{ContainerState, Observed, ObservedContainer, Ownership},
    ready::Judge,
};

/// Judges every component.
pub(crate) async fn status(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
    judge: &Judge<'_>,
    scope: Scope,
) -> Result<StatusReport, Error> {
    let mut components = BTreeMap::new();
    for (name, component) in &desired.components {
        let containers: BTreeMap<_, _> = docker
            .containers
            .iter()
            .filter(|(_, c)| c.component == *name && counts(docker, c))
            .collect();
        let on_demand = containers.iter().find(|(_, container)| container.on_demand);
        let mut status = if containers.is_empty() {
            ComponentStatus::external()
        } else if let Some((name, _)) = on_demand {
            self::on_demand(name, observed.containers.get(*name))
        } else {
            of_containers(&containers, component.job, observed, judge).await?
        };
        status.team = Some(component.team.clone());
        status.addresses = addresses(name, docker, observed, judge.endpoint);
        status.unapplied = observed.failures.get(name).cloned();
        components.insert(name.clone(), status);
    }
    for there in observed.containers.values() {
        let Some(name) = &there.object.component else {
            continue;
        };
        if there.object.ownership == Ownership::Ours && !components.contains_key(name) {
            components.insert(name.clone(), orphan(there));
        }
    }
    Ok(StatusReport { scope, components })
}

async fn of_containers(
    containers: &BTreeMap<&String, &Container>,
    job: bool,
    observed: &Observed,
    judge: &Judge<'_>,
) -> Result<ComponentStatus, Error> {
    let until = if job {
        Until::Completed
    } else {
        Until::Healthy
    };
    let (mut why, mut failed, mut unrecorded) = (None, false, false);
    let (mut up, mut there_are) = (false, false);
    // A replica is as well as what stands beside it.
    let mut ready: BTreeMap<&String, bool> = BTreeMap::new();
    for (name, container) in containers {
        let there = observed.containers.get(*name);
        there_are |= there.is_some();
        up |= there.is_some_and(|there| there.state == ContainerState::Running);
        unrecorded |= there.is_some_and(|there| there.object.ownership == Ownership::Claimed);
        let judged = judge.judge(name, container, until).await?;
        let replica = ready
            .entry(container.sidecar_of.as_ref().unwrap_or(name))
            .or_insert(true);
        *replica &= judged == Readiness::Ready;
        match judged {
            Readiness::Ready => {}
            Readiness::Waiting { why: reason } => why = why.or(Some(reason)),
            Readiness::Failed { why: reason } => {
                failed = true;
                why = why.or(Some(reason));
            }
        }
    }
    if unrecorded {
        let unknown = "created by kcc from another machine or user (`kcc recover`)";
        why = why.or_else(|| Some(unknown.to_owned()));
    }
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let replicas = count(ready.len());
    let ready = count(ready.values().filter(|well| **well).count());
    let state = match () {
        () if !there_are => State::Absent,
        () if ready == replicas && job => State::Completed,
        () if ready == replicas => State::Running,
        () if failed => State::Failed,
        () if up => State::Starting,
        () => State::Stopped,
    };
    Ok(ComponentStatus {
        team: None,
        state,
        ready,
        replicas,
        why,
        unapplied: None,
        addresses: Vec::new(),
    })
}

/// The addresses at which the ports of a component are reached from outside: on
/// a remote engine, by the name that leads to that.
pub(crate) fn addresses(
    component: &str,
    docker: &DockerDesired,
    observed: &Observed,
    endpoint: &Endpoint,
) -> Vec<String> {
    let mut all = Vec::new();
    for (name, container) in &docker.containers {
        let there = observed.containers.get(name);
        let Some(there) = there.filter(|_| container.component == component) else {
            continue;
        };
        for publish in &container.ports {
            let key = (publish.container, publish.protocol.to_owned());
            let ends = there.addresses.get(&key).into_iter().flatten();
            all.extend(ends.map(|end| {
                if !endpoint.is_local() && end.ip().is_unspecified() {
                    format!("{}:{}", endpoint.host(), end.port())
                } else {
                    end.to_string()
                }
            }));
        }
    }
    all
}

/// It runs whenever somebody starts it: that it is there is all that kcc answers for.
fn on_demand(name: &str, there: Option<&ObservedContainer>) -> ComponentStatus {
    let start = format!("not scheduled on Docker: `docker start -a {name}` runs it");
    let (state, why) = match there.map(|there| there.state) {
        None => (State::Absent, None),
        Some(ContainerState::Created) => (State::Stopped, Some(start)),
        Some(ContainerState::Running | ContainerState::Paused) => (State::Running, None),
        Some(ContainerState::Exited(0)) => (State::Completed, Some(start)),
        Some(ContainerState::Exited(code)) => (
            State::Failed,
            Some(format!("its last run exited with exit code {code}")),
        ),
        Some(ContainerState::Restarting | ContainerState::Dead) => (State::Failed, None),
    };
    ComponentStatus {
        team: None,
        state,
        ready: u32::from(there.is_some()),
        replicas: 1,
        why,
        unapplied: None,
        addresses: Vec::new(),
    }
}

/// No fragment has it any more.
fn orphan(there: &ObservedContainer) -> ComponentStatus {
    let running = there.state == ContainerState::Running;
    ComponentStatus {
        team: there.object.team.clone(),
        state: if running {
            State::Running
        } else {
            State::Stopped
        },
        ready: 0,
        replicas: 0,
        why: Some("no longer declared; the next apply removes it".to_owned()),
        unapplied: None,
        addresses: Vec::new(),
    }
}
