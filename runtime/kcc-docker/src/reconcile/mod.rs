//! Desired and observed → plan. Pure: every decision about a Docker engine is
//! made here, and each step says why it is there.

mod containers;
mod foreign;
mod host_ports;
mod image_users;
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
use kcc_plan::{
    Action, Draft, EngineName, Error, Finding, FindingKind, Options, Plan, PlanBuilder,
};

use self::{
    foreign::{refuse_foreign, refuse_unrecorded},
    host_ports::HostPorts,
};
use crate::{
    observed::{Observed, ObservedContainer},
    work::Work,
};

const CONTAINER: &str = "container";
const NETWORK: &str = "network";
const VOLUME: &str = "volume";
const IMAGE: &str = "image";

/// Why something is created.
const ABSENT: &str = "does not exist";

/// The plan that leads from what is there to what should be.
pub(crate) fn reconcile(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
    options: &Options,
) -> Result<Plan<Work>, Error> {
    refuse_unrecorded(docker, observed, &options.scope(desired))?;
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
    reconciler.refuse_image_users()?;
    reconciler.missing_secrets();
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
                let mut draft = Draft::new(Action::Create, NETWORK, name, ABSENT, work);
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
                let draft = Draft::new(Action::Create, VOLUME, name, ABSENT, work);
                self.plan.push(draft.component(&volume.component));
            }
        }
    }

    /// Reports what could not be compared, for lack of a secret's value.
    fn missing_secrets(&mut self) {
        for secret in &self.observed.missing_secrets {
            self.plan.find(Finding {
                finding: FindingKind::Unknown,
                kind: "secret".to_owned(),
                name: secret.name.clone(),
                component: None,
                team: None,
                cause: format!("cannot tell whether it changed: {}", secret.why),
                help: Some(secret.help.clone()),
                alternatives: Vec::new(),
                conflict: None,
            });
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
