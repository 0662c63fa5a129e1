//! Desired and observed → plan. Pure: every decision about a Docker engine is
//! made here, and each step says why it is there.

mod containers;
mod foreign;
mod host_ports;
mod images;
mod leftovers;
mod sidecars;
mod tear_down;
#[cfg(test)]
mod tests;
mod twins;
mod verdict;

pub(crate) use tear_down::tear_down;

use std::collections::BTreeSet;

use kcc_lower::{Desired, docker::DockerDesired};
use kcc_plan::{Action, Draft, EngineName, Error, Options, Plan, PlanBuilder};

use self::{foreign::refuse_foreign, host_ports::HostPorts};
use crate::{
    observed::{Observed, ObservedContainer},
    work::Work,
};

const CONTAINER: &str = "container";
const NETWORK: &str = "network";
const VOLUME: &str = "volume";
const IMAGE: &str = "image";

/// The plan that leads from what is there to what should be.
pub(crate) fn reconcile(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
    options: &Options,
) -> Result<Plan<Work>, Error> {
    refuse_foreign(docker, observed)?;
    let mut reconciler = Reconciler {
        desired,
        docker,
        observed,
        options,
        plan: PlanBuilder::new(EngineName::Docker, desired, options),
        rebuilt: BTreeSet::new(),
        anew: BTreeSet::new(),
        started: BTreeSet::new(),
        ports: HostPorts::of(docker, observed),
    };
    reconciler.networks();
    reconciler.twins();
    reconciler.volumes();
    reconciler.images();
    reconciler.leftovers();
    reconciler.containers();
    reconciler.prune();
    Ok(reconciler.plan.finish())
}

struct Reconciler<'a> {
    desired: &'a Desired,
    docker: &'a DockerDesired,
    observed: &'a Observed,
    options: &'a Options,
    plan: PlanBuilder<Work>,
    /// Images that this plan builds anew.
    rebuilt: BTreeSet<&'a str>,
    /// Containers that this plan makes, be it in the place of others.
    anew: BTreeSet<&'a str>,
    /// Containers that are there and that this plan starts.
    started: BTreeSet<&'a str>,
    ports: HostPorts<'a>,
}

impl Reconciler<'_> {
    fn networks(&mut self) {
        for (name, network) in &self.docker.networks {
            if self.observed.networks.contains_key(name) {
                self.plan.unchanged();
            } else {
                let work = Work::CreateNetwork {
                    labels: network.labels.clone(),
                };
                let mut draft = Draft::new(Action::Create, NETWORK, name, "it is not there", work);
                if let Some(component) = &network.component {
                    draft = draft.component(component);
                }
                self.plan.push(draft);
            }
        }
    }

    fn volumes(&mut self) {
        for (name, volume) in &self.docker.volumes {
            if self.observed.volumes.contains_key(name) {
                self.plan.unchanged();
            } else {
                let work = Work::CreateVolume {
                    labels: volume.labels.clone(),
                };
                let draft = Draft::new(Action::Create, VOLUME, name, "it is not there", work);
                self.plan.push(draft.component(&volume.component));
            }
        }
    }
    /// Stops a container and removes it.
    fn remove(&mut self, name: &str, there: &ObservedContainer, cause: &str, after: &[&str]) {
        self.plan.push(removal(name, there, cause, after));
    }
}

/// Stops a container and removes it.
fn removal(name: &str, there: &ObservedContainer, cause: &str, after: &[&str]) -> Draft<Work> {
    let work = Work::RemoveContainer {
        id: there.object.id.clone(),
    };
    let mut draft = Draft::new(Action::Delete, CONTAINER, name, cause, work);
    for other in after {
        draft = draft.after(CONTAINER, *other);
    }
    if let Some(component) = &there.object.component {
        draft = draft.component(component);
    }
    if let Some(team) = &there.object.team {
        draft = draft.team(team);
    }
    draft
}
