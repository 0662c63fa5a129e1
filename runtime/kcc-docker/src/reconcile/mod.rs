//! Desired state and observed state → plan. Pure: every decision about a Docker
//! engine is made here, and each step carries its cause.

mod compose;
mod containers;
mod decision;
mod duplicates;
mod host_ports;
mod image_users;
mod images;
mod leftovers;
mod ownership;
mod preflight;
mod requested;
mod sidecars;
mod tear_down;
#[cfg(test)]
mod tests;

pub(crate) use decision::IMAGE_ID;
pub(crate) use images::moved;
pub(crate) use tear_down::tear_down;

use std::collections::BTreeSet;

use kcc_lower::{Desired, docker::DockerDesired};
use kcc_plan::{
    Action, Draft, Error, Finding, FindingKind, Options, Plan, PlanBuilder, Request, Scope,
};
use kcc_tree::Engine;

use self::{
    host_ports::HostPorts,
    ownership::{refuse_unmanaged, refuse_unrecorded},
    preflight::refuse_doomed,
    sidecars::Sidecars,
};
use crate::{
    observed::{Observed, ObservedContainer},
    payload::Payload,
};

const CONTAINER: &str = "container";
const NETWORK: &str = "network";
const VOLUME: &str = "volume";
const IMAGE: &str = "image";

/// The cause of a creation.
const ABSENT: &str = "does not exist";

/// Plans the changes from the observed to the desired state.
pub(crate) fn reconcile(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
    options: &Options,
) -> Result<Plan<Payload>, Error> {
    refuse_unrecorded(docker, observed, &Scope::of(desired))?;
    refuse_unmanaged(docker, observed)?;
    if options.request.applies() {
        refuse_doomed(desired, docker, observed)?;
    }
    let mut reconciler = Reconciler::new(desired, docker, observed, options);
    if let Request::Restart(components) = &options.request {
        // The images of what a restart refuses are planned like any others.
        reconciler.images();
        reconciler.refuse_outdated(components)?;
        reconciler = Reconciler::new(desired, docker, observed, options);
    }
    reconciler.compare();
    reconciler.refuse_image_users()?;
    Ok(reconciler.plan.finish())
}

/// Compares the observed with the desired state: the plan of an apply that refuses
/// nothing.
pub(crate) fn compare(
    desired: &Desired,
    docker: &DockerDesired,
    observed: &Observed,
    options: &Options,
) -> Plan<Payload> {
    let mut reconciler = Reconciler::new(desired, docker, observed, options);
    reconciler.compare();
    reconciler.plan.finish()
}

struct Reconciler<'a> {
    desired: &'a Desired,
    docker: &'a DockerDesired,
    observed: &'a Observed,
    options: &'a Options,
    plan: PlanBuilder<Payload>,
    /// The images that this plan rebuilds.
    rebuilt: BTreeSet<&'a str>,
    /// The containers that this plan creates, including replacements.
    created: BTreeSet<&'a str>,
    /// The existing containers that this plan starts.
    started: BTreeSet<&'a str>,
    ports: HostPorts<'a>,
    sidecars: Sidecars<'a>,
}

impl<'a> Reconciler<'a> {
    fn new(
        desired: &'a Desired,
        docker: &'a DockerDesired,
        observed: &'a Observed,
        options: &'a Options,
    ) -> Self {
        Self {
            desired,
            docker,
            observed,
            options,
            plan: PlanBuilder::new(Engine::Docker, desired, options),
            rebuilt: BTreeSet::new(),
            created: BTreeSet::new(),
            started: BTreeSet::new(),
            ports: HostPorts::of(docker, observed),
            sidecars: sidecars::by_main(docker),
        }
    }

    /// Compares all objects.
    fn compare(&mut self) {
        self.networks();
        self.duplicates();
        self.compose();
        self.volumes();
        self.images();
        self.leftovers();
        self.containers();
        self.missing_secrets();
        if !matches!(self.options.request, Request::Restart(_)) {
            self.prune();
        }
        if self.options.request.components().is_none() {
            self.plan.add_unrecorded(&self.observed.labelled());
        }
    }

    fn networks(&mut self) {
        for (name, network) in &self.docker.networks {
            if self.observed.networks.contains_key(name) {
                self.plan.count_unchanged();
            } else {
                let payload = Payload::CreateNetwork {
                    labels: network.labels.clone(),
                };
                let mut draft = Draft::new(Action::Create, NETWORK, name, ABSENT, payload);
                if let Some(component) = &network.component {
                    draft = draft.component(component);
                }
                self.plan.push(draft);
            }
        }
    }

    fn volumes(&mut self) {
        let gone = |volume: &&String| !self.docker.volumes.contains_key(*volume);
        for volume in self.observed.copiers.keys().filter(gone) {
            let cause = "the copy of a volume that is not declared";
            self.plan.push(compose::copier_removal(volume, cause));
        }
        for (name, volume) in &self.docker.volumes {
            let draft = if let Some(source) = self.source_of(name) {
                let payload = Payload::CopyVolume {
                    source: source.clone(),
                    labels: volume.labels.clone(),
                };
                let cause = if self.observed.volumes.contains_key(name) {
                    format!("its copy of volume `{source}` is incomplete")
                } else {
                    format!("does not exist; copied from volume `{source}`")
                };
                self.after_former(Draft::new(Action::Create, VOLUME, name, cause, payload))
            } else if self.observed.volumes.contains_key(name) {
                self.plan.count_unchanged();
                continue;
            } else {
                let payload = Payload::CreateVolume {
                    labels: volume.labels.clone(),
                };
                Draft::new(Action::Create, VOLUME, name, ABSENT, payload)
            };
            self.plan.push(match &volume.component {
                Some(component) => draft.component(component),
                None => draft.team(&volume.team),
            });
        }
    }

    /// Reports the secrets that could not be compared.
    fn missing_secrets(&mut self) {
        for secret in &self.observed.missing_secrets {
            self.plan.add_finding(Finding {
                finding: FindingKind::Unknown,
                kind: "secret".to_owned(),
                name: secret.name.clone(),
                component: None,
                team: None,
                cause: format!("cannot tell if it changed: {}", secret.why),
                help: Some(secret.help.clone()),
                alternatives: Vec::new(),
                conflict: None,
            });
        }
    }

    /// Plans to stop and remove a container.
    fn remove(&mut self, name: &str, existing: &ObservedContainer, cause: &str, after: &[&str]) {
        self.plan.push(removal(name, existing, cause, after));
    }
}

/// Drafts stopping and removing a container.
fn removal(
    name: &str,
    existing: &ObservedContainer,
    cause: &str,
    after: &[&str],
) -> Draft<Payload> {
    let payload = Payload::RemoveContainer {
        id: existing.object.id.clone(),
    };
    let mut draft = Draft::new(Action::Delete, CONTAINER, name, cause, payload);
    for other in after {
        draft = draft.after(CONTAINER, *other);
    }
    if let Some(component) = &existing.object.component {
        draft = draft.component(component);
    }
    if let Some(team) = &existing.object.team {
        draft = draft.team(team);
    }
    draft
}
