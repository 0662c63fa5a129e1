//! Sidecars: each lives and ends with the container whose network it shares.

use kcc_lower::docker::{Container, DockerDesired};
use kcc_model::Until;
use kcc_plan::{Action, Draft};

use super::{ABSENT, CONTAINER, Reconciler, verdict::Verdict};
use crate::{
    observed::{ContainerState, ObservedContainer},
    work::{Replacement, Work},
};

/// The sidecars of a container, by name.
pub(super) fn sidecars<'a, 'm>(
    docker: &'a DockerDesired,
    main: &'m str,
) -> impl Iterator<Item = (&'a String, &'a Container)> + use<'a, 'm> {
    let all = docker.containers.iter();
    all.filter(move |(_, container)| container.sidecar_of.as_deref() == Some(main))
}

impl<'a> Reconciler<'a> {
    /// The sidecars that run in the network of a container that is there.
    pub(super) fn running_beside(&self, main: &str, there: &ObservedContainer) -> Vec<String> {
        let runs = |name: &String| {
            self.observed.containers.get(name).is_some_and(|sidecar| {
                sidecar.state == ContainerState::Running
                    && sidecar.joined.as_ref() == Some(&there.object.id)
            })
        };
        sidecars(self.docker, main)
            .map(|(name, _)| name.clone())
            .filter(runs)
            .collect()
    }

    /// Decides about a sidecar, once its main container is decided about.
    pub(super) fn sidecar(&mut self, name: &'a str, container: &'a Container, main: &str) {
        let component = self.desired.components.get(&container.component);
        let job = component.is_some_and(|component| component.job);
        let there = self.observed.containers.get(name);
        if job && self.is_done(main) {
            match there {
                Some(there) => self.remove(name, there, "its job is done", &[]),
                None => self.plan.unchanged(),
            }
            return;
        }
        let Some(there) = there else {
            let new = self.new_container(name, container, None);
            let work = Work::Create(new);
            let draft = Draft::new(Action::Create, CONTAINER, name, ABSENT, work);
            self.push_starting(draft, name, container, &[], Some(main));
            self.end_with(name, container, main, job);
            return;
        };
        let id = there.object.id.clone();
        let (action, cause, work) = match self.of_sidecar(container, there, main) {
            Verdict::Keep => {
                self.plan.unchanged();
                self.report_unready(name, container, there);
                self.end_with(name, container, main, job);
                return;
            }
            Verdict::Start(cause) => (Action::Run, cause, Work::Start { id }),
            Verdict::Restart(cause) => (Action::Run, cause, Work::Restart { id }),
            Verdict::Unpause => (Action::Run, "paused".to_owned(), Work::Unpause { id }),
            Verdict::Replace(cause) => {
                let work = Work::Replace {
                    new: self.new_container(name, container, Some(there)),
                    old: id,
                    how: Replacement::StopFirst {
                        beside: Vec::new(),
                        until: (!job).then_some(Until::Healthy),
                    },
                };
                (Action::Replace, cause, work)
            }
        };
        let draft = Draft::new(action, CONTAINER, name, cause, work);
        self.push_starting(draft, name, container, &[], Some(main));
        self.end_with(name, container, main, job);
    }

    /// Whether the container of a job has completed and stays as it is.
    fn is_done(&self, main: &str) -> bool {
        let there = self.observed.containers.get(main);
        !self.anew.contains(main)
            && !self.started.contains(main)
            && there.is_some_and(|there| there.state == ContainerState::Exited(0))
    }

    fn of_sidecar(&self, container: &Container, there: &ObservedContainer, main: &str) -> Verdict {
        let of = self.observed.containers.get(main);
        match self.verdict(container, there, false) {
            Verdict::Replace(cause) => Verdict::Replace(cause),
            _ if self.anew.contains(main) => Verdict::Replace(format!("`{main}` is made anew")),
            _ if of.is_some_and(|of| there.joined.as_ref() != Some(&of.object.id)) => {
                let cause = "it shares the network of a container that is gone";
                Verdict::Replace(cause.to_owned())
            }
            // The network of a container ends with each of its runs.
            _ if self.started.contains(main) => Verdict::Restart(format!("`{main}` is started")),
            Verdict::Keep if of.is_some_and(|of| there.started_at < of.started_at) => {
                Verdict::Restart(format!("`{main}` was started again"))
            }
            other => other,
        }
    }

    /// Removes the sidecar of a job once that is over, be it that it failed.
    fn end_with(&mut self, name: &str, container: &Container, main: &str, job: bool) {
        if !job {
            return;
        }
        let work = Work::RemoveContainer {
            id: name.to_owned(),
        };
        let draft = Draft::new(
            Action::Delete,
            CONTAINER,
            name,
            "its job is over then",
            work,
        );
        let draft = draft
            .component(&container.component)
            .after(CONTAINER, name)
            .waits_for_end(&container.component, main);
        self.plan.push(draft);
    }
}
