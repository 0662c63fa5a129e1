//! Desired and observed → plan. Pure: every decision about a Docker engine is
//! made here, and each step says why it is there.

mod foreign;
mod leftovers;
mod sidecars;
mod tear_down;
#[cfg(test)]
pub(crate) mod tests;
mod twins;

pub(crate) use tear_down::tear_down;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kcc_lower::{
    Desired,
    docker::{Container, DockerDesired, Mount, Publish},
};
use kcc_model::{Check, Until};
use kcc_plan::{Action, Draft, EngineName, Error, Options, Plan, PlanBuilder};

use self::{foreign::refuse_foreign, twins::twin_name};
use crate::{
    config,
    observed::{ContainerState, Observed, ObservedContainer, Ownership, SUCCESSOR},
    ports,
    work::{HostPort, NewContainer, Replacement, Work},
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
        taken: taken_ports(docker, observed),
        holders: holders(observed),
        fixed: fixed_ports(docker),
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
    /// Host ports that cannot be given to what asks for any.
    taken: BTreeSet<u16>,
    /// Containers of ours by the host ports that they hold or held.
    holders: BTreeMap<u16, Vec<&'a str>>,
    /// Containers by the host ports that they ask for by number.
    fixed: BTreeMap<u16, &'a str>,
}

/// A container that is there and does not do what it should.
enum Verdict {
    Keep,
    Start(String),
    Restart(String),
    Unpause,
    Replace(String),
}

impl<'a> Reconciler<'a> {
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

    fn images(&mut self) {
        for (reference, image) in &self.docker.images {
            let present = self.observed.images.get(reference);
            let context = self.observed.contexts.get(reference);
            let (action, cause, work) = match (&image.build, context) {
                (Some(build), Some(hash)) => {
                    let folder = &build.context;
                    let work = Work::Build {
                        build: build.clone(),
                        context_hash: hash.clone(),
                    };
                    match present {
                        Some(image) if image.context_hash.as_ref() == Some(hash) => {
                            self.plan.unchanged();
                            continue;
                        }
                        Some(_) => (Action::Update, format!("`{folder}` changed"), work),
                        None => (Action::Create, format!("`{folder}` was never built"), work),
                    }
                }
                _ if present.is_some() => {
                    self.plan.unchanged();
                    continue;
                }
                _ => {
                    let work = Work::Pull {
                        reference: reference.clone(),
                    };
                    (
                        Action::Create,
                        "the engine does not have it".to_owned(),
                        work,
                    )
                }
            };
            if action == Action::Update {
                self.rebuilt.insert(reference);
            }
            let draft = Draft::new(action, IMAGE, reference, cause, work);
            self.plan.push(draft.component(&image.component));
        }
    }

    fn containers(&mut self) {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, container) in &self.docker.containers {
            if let Some(main) = &container.sidecar_of {
                self.sidecar(name, container, main);
                continue;
            }
            self.container(
                name,
                container,
                before.get(container.component.as_str()).copied(),
            );
            before.insert(&container.component, name);
        }
        for (name, component) in &self.desired.components {
            let mut own = self
                .docker
                .containers
                .values()
                .filter(|c| c.component == *name)
                .peekable();
            if own.peek().is_some() {
                let ready = match component.job {
                    true => Until::Completed,
                    false if own.any(|container| container.health.is_some()) => Until::Healthy,
                    false => Until::Started,
                };
                self.plan.await_component(name, ready);
            }
        }
    }

    fn container(&mut self, name: &'a str, container: &'a Container, sibling: Option<&str>) {
        let Some(there) = self.observed.containers.get(name) else {
            self.anew.insert(name);
            let new = self.new_container(name, container, None);
            let draft = Draft::new(
                Action::Create,
                CONTAINER,
                name,
                "it is not there",
                Work::Create(new.clone()),
            );
            self.push_starting(draft, name, container, &new.host_ports(), None);
            return;
        };
        let id = there.object.id.clone();
        let job = self
            .desired
            .components
            .get(&container.component)
            .is_some_and(|c| c.job);
        let gives_up = self.gives_up(name, container, there);
        let verdict = match (self.verdict(container, there, job), &gives_up) {
            (Verdict::Replace(cause), _) => Verdict::Replace(cause),
            (_, Some(wish)) => Verdict::Replace(wish.clone()),
            (verdict, None) => verdict,
        };
        match verdict {
            Verdict::Replace(_) => _ = self.anew.insert(name),
            Verdict::Start(_) | Verdict::Restart(_) => _ = self.started.insert(name),
            Verdict::Keep | Verdict::Unpause => {}
        }
        let (action, cause, work) = match verdict {
            Verdict::Keep => {
                self.plan.unchanged();
                return;
            }
            Verdict::Start(cause) => (Action::Run, cause, Work::Start { id }),
            Verdict::Restart(cause) => (Action::Run, cause, Work::Restart { id }),
            Verdict::Unpause => (Action::Run, "it is paused".to_owned(), Work::Unpause { id }),
            Verdict::Replace(cause) => {
                let new = self.new_container(name, container, Some(there));
                if let Some(wish) = gives_up {
                    // Removed before either is made: two containers may each
                    // want what the other one holds.
                    self.plan.push(removal(name, there, &wish, &[]));
                    let work = Work::Create(new.clone());
                    let draft = Draft::new(Action::Create, CONTAINER, name, cause, work);
                    self.push_starting(
                        draft.after_removal(CONTAINER, name),
                        name,
                        container,
                        &new.host_ports(),
                        None,
                    );
                    return;
                }
                let how = replacement(&new, there, job || self.has_sidecars(name));
                let work = Work::Replace {
                    new: new.clone(),
                    old: id,
                    how,
                };
                let draft = Draft::new(Action::Replace, CONTAINER, name, cause, work);
                // One replica after the other, so that some go on.
                self.push_starting(draft, name, container, &new.host_ports(), sibling);
                return;
            }
        };
        let draft = Draft::new(action, CONTAINER, name, cause, work);
        let held: Vec<_> = there.published.values().copied().collect();
        self.push_starting(draft, name, container, &held, None);
    }

    /// Why a container has to let go of a host port: another one asks for it by
    /// number.
    fn gives_up(
        &self,
        name: &str,
        container: &Container,
        there: &ObservedContainer,
    ) -> Option<String> {
        let own: BTreeSet<_> = container
            .ports
            .iter()
            .filter_map(|port| port.host)
            .collect();
        let wanted = |port: &&u16| !own.contains(*port) && self.fixed.contains_key(*port);
        let port = there.published.values().find(wanted)?;
        let other = self.fixed.get(port).filter(|other| **other != name)?;
        Some(format!("`{other}` publishes port {port}"))
    }

    fn verdict(&self, container: &Container, there: &ObservedContainer, job: bool) -> Verdict {
        if there.config_hash.as_deref() != Some(&container.config_hash()) {
            return Verdict::Replace(config::cause(container, there.config_fields.as_deref()));
        }
        let image = self.observed.images.get(&container.image);
        let built = self
            .docker
            .images
            .get(&container.image)
            .is_some_and(|image| image.build.is_some());
        if self.rebuilt.contains(container.image.as_str()) {
            return Verdict::Replace("its image is built anew".to_owned());
        }
        if built && image.is_none_or(|image| image.id != there.image_id) {
            return Verdict::Replace("it was made from another build of its image".to_owned());
        }
        match there.state {
            ContainerState::Created if !container.on_demand => {
                return Verdict::Replace("an apply was stopped while it was made".to_owned());
            }
            ContainerState::Dead => return Verdict::Replace("it is dead".to_owned()),
            _ => {}
        }
        let lost = container.networks.keys().find(|network| {
            !there.networks.contains(*network) || !self.observed.networks.contains_key(*network)
        });
        let done = job && there.state == ContainerState::Exited(0);
        match there.state {
            _ if done => Verdict::Keep,
            _ if lost.is_some() => {
                let network = lost.map_or("", String::as_str);
                Verdict::Replace(format!("it is not connected to network `{network}`"))
            }
            // It runs when somebody starts it.
            _ if container.on_demand => Verdict::Keep,
            ContainerState::Paused => Verdict::Unpause,
            ContainerState::Exited(code) if job => Verdict::Start(format!(
                "it did not complete (exit code {code}), and runs again"
            )),
            ContainerState::Exited(code) => {
                Verdict::Start(format!("it does not run (exit code {code})"))
            }
            _ => Verdict::Keep,
        }
    }

    fn new_container(
        &mut self,
        name: &str,
        container: &Container,
        there: Option<&ObservedContainer>,
    ) -> Arc<NewContainer> {
        let mut ports = Vec::new();
        for publish in &container.ports {
            let key = (publish.container, publish.protocol.to_owned());
            let kept = there.and_then(|there| there.published.get(&key).copied());
            let kept = kept.filter(|port| !self.fixed.contains_key(port));
            let host = publish.host.or(kept).unwrap_or_else(|| {
                ports::choose(name, publish.container, publish.protocol, &self.taken)
            });
            self.taken.insert(host);
            ports.push(HostPort {
                container: publish.container,
                protocol: publish.protocol,
                host,
                private: false,
            });
        }
        ports.extend(self.check_port(name, container));
        let beside = self.docker.containers.iter();
        for (sidecar, container) in
            beside.filter(|(_, container)| container.sidecar_of.as_deref() == Some(name))
        {
            ports.extend(self.check_port(sidecar, container));
        }
        let deadline = self
            .desired
            .components
            .get(&container.component)
            .map(|c| c.deadline_ms);
        Arc::new(NewContainer {
            container: container.clone(),
            ports,
            labels: config::labels(container),
            deadline_ms: self.options.timeout_ms.or(deadline).unwrap_or_default(),
        })
    }

    /// The port through which kcc makes a check that the engine lacks, where
    /// the container's own address cannot be reached.
    fn check_port(&mut self, name: &str, container: &Container) -> Option<HostPort> {
        let (Check::Http { port, .. } | Check::Tcp { port } | Check::Grpc { port }) =
            container.health.as_ref()?.check
        else {
            return None;
        };
        let published = |publish: &Publish| publish.container == port && publish.protocol == "tcp";
        if !self.observed.in_machine || container.ports.iter().any(published) {
            return None;
        }
        let host = ports::choose(name, port, "tcp", &self.taken);
        self.taken.insert(host);
        Some(HostPort {
            container: port,
            protocol: "tcp",
            host,
            private: true,
        })
    }

    /// Adds a step that starts a container, after all that it stands on.
    fn push_starting(
        &mut self,
        mut draft: Draft<Work>,
        name: &str,
        container: &Container,
        ports: &[u16],
        sibling: Option<&str>,
    ) {
        draft = draft.component(&container.component);
        if !container.on_demand {
            draft = draft.starts();
        }
        draft = draft.after(CONTAINER, format!("{name}{SUCCESSOR}"));
        for part in container.with_init() {
            draft = draft.after(IMAGE, &part.image);
        }
        for step in &container.init {
            draft = draft.after(CONTAINER, Container::beside(name, &step.name));
        }
        for network in container.networks.keys() {
            draft = draft.after(NETWORK, network);
            for (_, twin) in self
                .observed
                .twins
                .iter()
                .filter(|(name, _)| name == network)
            {
                draft = draft.after(NETWORK, twin_name(network, twin));
            }
        }
        for mount in container.mounts.values() {
            if let Mount::Volume(volume) = mount {
                draft = draft.after(VOLUME, volume);
            }
        }
        for other in &container.after {
            draft = draft.waits_for(&container.component, other, Until::Completed);
        }
        for port in ports {
            for holder in self.holders.get(port).into_iter().flatten() {
                draft = draft.after_removal(CONTAINER, *holder);
            }
        }
        if let Some(sibling) = sibling {
            draft = draft.after(CONTAINER, sibling);
        }
        self.plan.push(draft);
    }

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

/// The old container goes on until the new one is ready, unless they cannot
/// run side by side, as where sidecars belong to it (`apart`): they have one
/// network at a time, and the new one may wait for them.
fn replacement(new: &NewContainer, there: &ObservedContainer, apart: bool) -> Replacement {
    let shares = |mount: &Mount| matches!(mount, Mount::Volume(_));
    let collides = new
        .ports
        .iter()
        .any(|port| there.published.values().any(|held| *held == port.host));
    let running = there.state == ContainerState::Running;
    if new.container.on_demand {
        return Replacement::AtRest;
    }
    let apart = apart || new.container.recreate;
    if apart || !running || collides || new.container.mounts.values().any(shares) {
        Replacement::StopFirst
    } else {
        Replacement::Overlap
    }
}

/// Ports that cannot be given away: those of others, and those that are asked for by number.
fn taken_ports(docker: &DockerDesired, observed: &Observed) -> BTreeSet<u16> {
    let mut taken = observed.taken_ports.clone();
    taken.extend(
        observed
            .containers
            .values()
            .flat_map(|there| there.published.values()),
    );
    taken.extend(fixed_ports(docker).into_keys());
    taken
}

fn fixed_ports(docker: &DockerDesired) -> BTreeMap<u16, &str> {
    let containers = docker.containers.iter();
    containers
        .flat_map(|(name, container)| container.ports.iter().map(move |port| (port.host, name)))
        .filter_map(|(port, name)| Some((port?, name.as_str())))
        .collect()
}

fn holders(observed: &Observed) -> BTreeMap<u16, Vec<&str>> {
    let mut holders: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for (name, there) in &observed.containers {
        if there.object.ownership == Ownership::Ours {
            for port in there.published.values() {
                holders.entry(*port).or_default().push(name);
            }
        }
    }
    holders
}
