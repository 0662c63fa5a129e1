//! Plans sidecars: each lives and ends with the container whose network it shares.

use std::collections::BTreeMap;

use kcc_lower::docker::{Container, DockerDesired};
use kcc_model::Until;
use kcc_plan::{Action, Draft};

use super::{
    ABSENT, CONTAINER, Reconciler,
    decision::{self, Cause, Decision},
};
use crate::{
    observed::{ContainerState, ObservedContainer},
    payload::{Payload, Replacement},
};

/// Sidecars by the name of the container whose network they share.
pub(super) type Sidecars<'a> = BTreeMap<&'a str, Vec<(&'a String, &'a Container)>>;

/// Returns the sidecars of all containers.
pub(super) fn by_main(docker: &DockerDesired) -> Sidecars<'_> {
    let mut sidecars = Sidecars::new();
    for (name, container) in &docker.containers {
        if let Some(main) = &container.sidecar_of {
            sidecars.entry(main).or_default().push((name, container));
        }
    }
    sidecars
}

impl<'a> Reconciler<'a> {
    /// Returns the sidecars of a container.
    pub(super) fn sidecars(&self, main: &str) -> &[(&'a String, &'a Container)] {
        self.sidecars.get(main).map_or(&[], Vec::as_slice)
    }

    /// Returns the sidecars that run in the network of an existing container.
    pub(super) fn running_sidecars(&self, main: &str, existing: &ObservedContainer) -> Vec<String> {
        let runs = |name: &String| {
            self.observed.containers.get(name).is_some_and(|sidecar| {
                sidecar.state == ContainerState::Running
                    && sidecar.joined.as_ref() == Some(&existing.object.id)
            })
        };
        let names = self.sidecars(main).iter().map(|(name, _)| *name);
        names.filter(|name| runs(name)).cloned().collect()
    }

    /// Plans a sidecar. Its main container has to be planned already.
    pub(super) fn sidecar(&mut self, name: &'a str, container: &'a Container, main: &str) {
        let component = self.desired.components.get(&container.component);
        let job = component.is_some_and(|component| component.job);
        let existing = self.observed.containers.get(name);
        if job && self.is_done(main) {
            match existing {
                Some(existing) => self.remove(name, existing, "its job has ended", &[]),
                None => self.plan.count_unchanged(),
            }
            return;
        }
        let Some(existing) = existing else {
            let new = self.new_container(name, container, None);
            let payload = Payload::Create(new);
            let draft = Draft::new(Action::Create, CONTAINER, name, ABSENT, payload);
            self.push_starting(draft, name, container, &[], Some(main));
            self.end_with(name, container, main, job);
            return;
        };
        let id = existing.object.id.clone();
        let of_job = job.then(|| main.to_owned());
        let (action, cause, payload) = match self.of_sidecar(container, existing, main) {
            Decision::Keep => {
                self.plan.count_unchanged();
                self.report_unready(name, container, existing);
                self.end_with(name, container, main, job);
                return;
            }
            Decision::Start(cause) => (Action::Run, cause, Payload::Start { id, job: of_job }),
            Decision::Restart(cause) => (Action::Run, cause, Payload::Restart { id, job: of_job }),
            Decision::Unpause => {
                let cause = Cause {
                    text: "paused".to_owned(),
                    changes: decision::state("paused".to_owned()),
                };
                (Action::Run, cause, Payload::Unpause { id })
            }
            Decision::Replace(cause) => {
                let payload = Payload::Replace {
                    new: self.new_container(name, container, Some(existing)),
                    old: id,
                    how: Replacement::StopFirst {
                        sidecars: Vec::new(),
                        until: (!job).then_some(Until::Healthy),
                        resumes: !job && existing.state.is_up(),
                    },
                };
                (Action::Replace, cause, payload)
            }
        };
        let draft = Draft::new(action, CONTAINER, name, cause.text, payload);
        let draft = draft.changes(cause.changes);
        self.push_starting(draft, name, container, &[], Some(main));
        self.end_with(name, container, main, job);
    }

    /// Returns true if the container of a job has completed and stays as it is.
    fn is_done(&self, main: &str) -> bool {
        let existing = self.observed.containers.get(main);
        !self.created.contains(main)
            && !self.started.contains(main)
            && existing.is_some_and(|existing| existing.state == ContainerState::Exited(0))
    }

    fn of_sidecar(
        &self,
        container: &Container,
        existing: &ObservedContainer,
        main: &str,
    ) -> Decision {
        let of = self.observed.containers.get(main);
        match self.decide(container, existing, false) {
            Decision::Replace(cause) => Decision::Replace(cause),
            _ if self.created.contains(main) => {
                Decision::Replace(format!("`{main}` is replaced").into())
            }
            _ if of.is_some_and(|of| existing.joined.as_ref() != Some(&of.object.id)) => {
                let cause = "shares the network of a container that is gone";
                Decision::Replace(cause.into())
            }
            // A container's network ends with each of its runs.
            _ if self.started.contains(main) => {
                Decision::Restart(format!("`{main}` is started").into())
            }
            Decision::Keep | Decision::Unpause
                if of.is_some_and(|of| existing.started_at < of.started_at) =>
            {
                Decision::Restart(format!("`{main}` was restarted").into())
            }
            other => other,
        }
    }

    /// Removes the sidecar of a job once the job has ended, even if it failed.
    fn end_with(&mut self, name: &str, container: &Container, main: &str, job: bool) {
        if !job {
            return;
        }
        let payload = Payload::RemoveContainer {
            id: name.to_owned(),
        };
        let draft = Draft::new(
            Action::Delete,
            CONTAINER,
            name,
            "once its job has ended",
            payload,
        );
        let draft = draft
            .component(&container.component)
            .after(CONTAINER, name)
            .waits_for_end(&container.component, main);
        self.plan.push(draft);
    }
}
