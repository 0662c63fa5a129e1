//! Containers: made, started, replaced or left alone, each after all that it
//! stands on.

use std::{collections::BTreeMap, sync::Arc};

use kcc_lower::docker::{Container, Mount, Publish};
use kcc_model::{Check, Until};
use kcc_plan::{Action, Draft, Finding, FindingKind, Readiness};

use super::{
    ABSENT, CONTAINER, IMAGE, NETWORK, Reconciler, VOLUME, removal, sidecars::sidecars,
    twins::twin_name, verdict::Verdict,
};
use crate::{
    config,
    observed::{ContainerState, ObservedContainer, SUCCESSOR},
    work::{HostPort, NewContainer, Replacement, Work},
};

impl<'a> Reconciler<'a> {
    pub(super) fn containers(&mut self) {
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
                self.tried(container, ABSENT.to_owned()),
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
        let gives_up = self.ports.given_up(name, container, there);
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
                self.report_unready(name, container, there);
                return;
            }
            Verdict::Start(cause) => (Action::Run, cause, Work::Start { id }),
            Verdict::Restart(cause) => (Action::Run, cause, Work::Restart { id }),
            Verdict::Unpause => (Action::Run, "paused".to_owned(), Work::Unpause { id }),
            Verdict::Replace(cause) => {
                let cause = self.tried(container, cause);
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
                let how = self.replacement(name, &new, there, job);
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

    /// A container to be made, with its host ports; those for checks of its
    /// sidecars are its own, because they share its network.
    pub(super) fn new_container(
        &mut self,
        name: &str,
        container: &Container,
        there: Option<&ObservedContainer>,
    ) -> Arc<NewContainer> {
        let published = container.ports.iter();
        let mut ports: Vec<_> = published
            .map(|publish| self.ports.publish(name, publish, there))
            .collect();
        ports.extend(self.check_port(name, container));
        for (sidecar, container) in sidecars(self.docker, name) {
            ports.extend(self.check_port(sidecar, container));
        }
        let component = self.desired.components.get(&container.component);
        let deadline = component.map(|component| component.deadline_ms);
        Arc::new(NewContainer {
            container: container.clone(),
            path: self.path_of(container),
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
        let reached = !self.observed.in_machine || container.ports.iter().any(published);
        (!reached).then(|| self.ports.private(name, port))
    }

    /// Adds a step that starts a container, after all that it stands on.
    pub(super) fn push_starting(
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
            for holder in self.ports.holders(*port) {
                draft = draft.after_removal(CONTAINER, holder);
            }
        }
        if let Some(sibling) = sibling {
            draft = draft.after(CONTAINER, sibling);
        }
        self.plan.push(draft);
    }

    /// Reports a container that is as configured and does not do what it should:
    /// no operation of kcc's would change that.
    pub(super) fn report_unready(
        &mut self,
        name: &str,
        container: &Container,
        there: &ObservedContainer,
    ) {
        let (Readiness::Waiting { why } | Readiness::Failed { why }) = self
            .observed
            .readiness
            .get(name)
            .unwrap_or(&Readiness::Ready)
        else {
            return;
        };
        self.plan.find(Finding {
            finding: FindingKind::NotReady,
            kind: CONTAINER.to_owned(),
            name: name.to_owned(),
            component: Some(container.component.clone()),
            team: there.object.team.clone(),
            cause: why.clone(),
            help: None,
            alternatives: Vec::new(),
            conflict: None,
        });
    }

    /// A cause with why the last apply failed to do the same, if it did.
    fn tried(&self, container: &Container, cause: String) -> String {
        match self.observed.failures.get(&container.component) {
            Some(why) => format!("{cause} (the last apply failed: {why})"),
            None => cause,
        }
    }

    /// The old container goes on until the new one is ready, unless they cannot
    /// run side by side, as where sidecars belong to it: they have one network
    /// at a time, and the new one may wait for them.
    fn replacement(
        &self,
        name: &str,
        new: &NewContainer,
        there: &ObservedContainer,
        job: bool,
    ) -> Replacement {
        if new.container.on_demand {
            return Replacement::AtRest;
        }
        let volume = |mount: &Mount| matches!(mount, Mount::Volume(_));
        let held = |port: &HostPort| there.published.values().any(|held| *held == port.host);
        let apart = job
            || new.container.recreate
            || there.state != ContainerState::Running
            || sidecars(self.docker, name).next().is_some()
            || new.ports.iter().any(held)
            || new.container.mounts.values().any(volume);
        let has_sidecars = sidecars(self.docker, name).next().is_some();
        if !apart {
            return Replacement::Overlap;
        }
        Replacement::StopFirst {
            beside: self.running_beside(name, there),
            until: match job {
                true => None,
                // It may need them in order to be healthy.
                false if has_sidecars => Some(Until::Started),
                false => Some(Until::Healthy),
            },
        }
    }
}
