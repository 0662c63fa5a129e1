//! Plans containers: create, start, replace or keep, each after the objects it
//! depends on.

use std::{collections::BTreeMap, sync::Arc};

use kcc_lower::docker::{Container, Mount, Publish};
use kcc_model::{Check, Until};
use kcc_plan::{Action, Draft, Finding, FindingKind, Readiness, START};

use super::{
    ABSENT, CONTAINER, IMAGE, NETWORK, Reconciler, VOLUME,
    decision::{self, Cause, Decision},
    duplicates::duplicate_name,
    removal,
};
use crate::{
    config,
    image_user::path_of,
    observed::{ContainerState, ObservedContainer, SUCCESSOR},
    payload::{HostPort, NewContainer, Payload, Replacement},
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
        let mut by_component: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
        for container in self.docker.containers.values() {
            let own = by_component.entry(&container.component).or_default();
            own.push(container);
        }
        for (name, component) in &self.desired.components {
            // The desired state of a restart has only what it restarts.
            let own = by_component.get(name.as_str()).into_iter().flatten();
            let mut own = own.copied().peekable();
            if own.peek().is_some() {
                let run = self.starts() && own.peek().is_some_and(|own| own.on_demand);
                let ready = match component.job || run {
                    true => Until::Completed,
                    false if own.any(|container| self.is_checked(container)) => Until::Healthy,
                    false => Until::Started,
                };
                let completed = self.observed.is_completed(name);
                self.plan.await_component(name, ready, completed);
            }
        }
    }

    /// Returns true if a container or its image has a health check. An image that has yet
    /// to be pulled or built may have one.
    fn is_checked(&self, container: &Container) -> bool {
        let image = self.observed.images.get(&container.image);
        container.health.is_some()
            || container.has_image_health
            || image.is_none_or(|image| image.has_health_check)
            || self.rebuilt.contains(&*container.image)
    }

    fn container(&mut self, name: &'a str, container: &'a Container, sibling: Option<&str>) {
        let Some(existing) = self.observed.containers.get(name) else {
            self.created.insert(name);
            let new = self.new_container(name, container, None);
            let draft = Draft::new(
                Action::Create,
                CONTAINER,
                name,
                self.with_last_failure(container, ABSENT.to_owned()),
                Payload::Create(new.clone()),
            );
            self.push_starting(draft, name, container, &new.host_ports(), None);
            self.run_on_demand(name, container);
            return;
        };
        let id = existing.object.id.clone();
        let job = self
            .desired
            .components
            .get(&container.component)
            .is_some_and(|c| c.job);
        let released_port = self.ports.must_release(name, container, existing);
        let decision = self.decide(container, existing, job);
        let decision = self.requested(container, existing, job, decision);
        let decision = match (decision, &released_port) {
            (Decision::Replace(cause), _) => Decision::Replace(cause),
            (_, Some(cause)) => Decision::Replace(cause.clone().into()),
            (decision, None) => decision,
        };
        match decision {
            Decision::Replace(_) => _ = self.created.insert(name),
            Decision::Start(_) | Decision::Restart(_) => _ = self.started.insert(name),
            Decision::Keep | Decision::Unpause => {}
        }
        let (action, cause, payload) = match decision {
            Decision::Keep => {
                self.plan.count_unchanged();
                self.report_unready(name, container, existing);
                return;
            }
            Decision::Start(cause) => (Action::Run, cause, Payload::Start { id, job: None }),
            Decision::Restart(cause) => (Action::Run, cause, Payload::Restart { id, job: None }),
            Decision::Unpause => {
                let cause = Cause {
                    text: "paused".to_owned(),
                    changes: decision::state("paused".to_owned()),
                };
                (Action::Run, cause, Payload::Unpause { id })
            }
            Decision::Replace(Cause { text, changes }) => {
                let cause = self.with_last_failure(container, text);
                let new = self.new_container(name, container, Some(existing));
                if let Some(cause) = released_port {
                    // Remove it before either is created: two containers may each
                    // want the port that the other one holds.
                    self.plan.push(removal(name, existing, &cause, &[]));
                    let payload = Payload::Create(new.clone());
                    let draft = Draft::new(Action::Create, CONTAINER, name, cause, payload);
                    self.push_starting(
                        draft.after_removal(CONTAINER, name),
                        name,
                        container,
                        &new.host_ports(),
                        None,
                    );
                    return;
                }
                let how = self.replacement(name, &new, existing, job);
                let payload = Payload::Replace {
                    new: new.clone(),
                    old: id,
                    how,
                };
                let draft =
                    Draft::new(Action::Replace, CONTAINER, name, cause, payload).changes(changes);
                // Replace one replica after the other, so that some keep serving.
                self.push_starting(draft, name, container, &new.host_ports(), sibling);
                self.run_on_demand(name, container);
                return;
            }
        };
        let draft = Draft::new(action, CONTAINER, name, cause.text, payload);
        let draft = draft.changes(cause.changes);
        let held: Vec<_> = existing.published.values().copied().collect();
        self.push_starting(draft, name, container, &held, None);
    }

    /// Plans the run of a new container that its creation does not start, if a start is
    /// requested.
    fn run_on_demand(&mut self, name: &str, container: &Container) {
        if !container.on_demand || !self.starts() {
            return;
        }
        let id = name.to_owned();
        let draft = Draft::new(
            Action::Run,
            CONTAINER,
            name,
            START,
            Payload::Start { id, job: None },
        );
        self.push_starting(draft.after(CONTAINER, name), name, container, &[], None);
    }

    /// Builds a new container with its host ports, including those for health
    /// checks of its sidecars, which share its network.
    pub(super) fn new_container(
        &mut self,
        name: &str,
        container: &Container,
        existing: Option<&ObservedContainer>,
    ) -> Arc<NewContainer> {
        let published = container.ports.iter();
        let mut ports: Vec<_> = published
            .map(|publish| self.ports.publish(name, publish, existing))
            .collect();
        ports.extend(self.check_port(name, container));
        for (sidecar, container) in self.sidecars.get(name).cloned().unwrap_or_default() {
            ports.extend(self.check_port(sidecar, container));
        }
        let component = self.desired.components.get(&container.component);
        let deadline = component.map(|component| component.deadline_ms);
        let job = component.is_some_and(|component| component.job);
        Arc::new(NewContainer {
            job: container.sidecar_of.clone().filter(|_| job),
            container: container.clone(),
            path: path_of(self.desired, container),
            ports,
            labels: config::labels(container),
            deadline_ms: self.options.timeout_ms.or(deadline).unwrap_or_default(),
        })
    }

    /// Returns the port for a health check that kcc runs itself, if the
    /// container's address is not reachable.
    fn check_port(&mut self, name: &str, container: &Container) -> Option<HostPort> {
        let (Check::Http { port, .. } | Check::Tcp { port } | Check::Grpc { port }) =
            container.health.as_ref()?.check
        else {
            return None;
        };
        if container.host_network {
            return None;
        }
        let published = |publish: &Publish| publish.container == port && publish.protocol == "tcp";
        let reached = !self.observed.in_vm || container.ports.iter().any(published);
        (!reached).then(|| self.ports.private(name, port))
    }

    /// Adds a step that starts a container, after everything it depends on.
    pub(super) fn push_starting(
        &mut self,
        mut draft: Draft<Payload>,
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
            draft = draft.after(CONTAINER, Container::extra_name(name, &step.name));
        }
        for network in container.networks.keys() {
            draft = draft.after(NETWORK, network);
            for (_, duplicate) in self
                .observed
                .duplicates
                .iter()
                .filter(|(name, _)| name == network)
            {
                draft = draft.after(NETWORK, duplicate_name(network, duplicate));
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
        draft = self.after_replaced(draft, container, ports);
        self.plan.push(draft);
    }

    /// Reports a container that is configured as desired but not ready: no
    /// operation would change that.
    pub(super) fn report_unready(
        &mut self,
        name: &str,
        container: &Container,
        existing: &ObservedContainer,
    ) {
        let readiness = self.observed.readiness.get(name).cloned();
        let Some(cause) = readiness.and_then(Readiness::cause) else {
            return;
        };
        self.plan.add_finding(Finding {
            finding: FindingKind::NotReady,
            kind: CONTAINER.to_owned(),
            name: name.to_owned(),
            component: Some(container.component.clone()),
            team: existing.object.team.clone(),
            cause: cause.text(),
            help: cause.help,
            alternatives: Vec::new(),
            conflict: None,
        });
    }

    /// Adds the reason why the last apply failed to a cause, if it did.
    fn with_last_failure(&self, container: &Container, cause: String) -> String {
        match self.observed.unapplied.components.get(&container.component) {
            Some(why) => format!("{cause} (the last apply failed: {why})"),
            None => cause,
        }
    }

    /// Chooses how to replace a container. The old one runs until the new one is
    /// ready, unless they cannot run at the same time: with sidecars, for example,
    /// which join one network at a time and which the new one may need.
    fn replacement(
        &self,
        name: &str,
        new: &NewContainer,
        existing: &ObservedContainer,
        job: bool,
    ) -> Replacement {
        if new.container.on_demand {
            return Replacement::AtRest;
        }
        // A volume of the system has several writers anyway.
        let owned = |name: &String| {
            let volume = self.docker.volumes.get(name);
            volume.is_none_or(|volume| volume.component.is_some())
        };
        let volume = |mount: &Mount| matches!(mount, Mount::Volume(name) if owned(name));
        let has_sidecars = !self.sidecars(name).is_empty();
        let held = |port: &HostPort| existing.published.values().any(|held| *held == port.host);
        let needs_stop = job
            || new.container.recreate
            || existing.state != ContainerState::Running
            || new.container.host_network
            || has_sidecars
            || new.ports.iter().any(held)
            || new.container.mounts.values().any(volume);
        if !needs_stop {
            return Replacement::Overlap;
        }
        Replacement::StopFirst {
            sidecars: self.running_sidecars(name, existing),
            resumes: !job && existing.state.is_up(),
            until: match job {
                true => None,
                // It may need its sidecars in order to become healthy.
                false if has_sidecars => Some(Until::Started),
                false => Some(Until::Healthy),
            },
        }
    }
}
