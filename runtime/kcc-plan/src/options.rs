//! [`Options`]: the settings of one command.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use kcc_model::Name;
use serde::Serialize;

use crate::{
    Choices, Error, Operation, Origins, Plan, PlanFile, Prune, Request, Tool,
    revision::RevisionSource,
};

/// The settings of one command. The libraries read no environment themselves:
/// all they may know of it is in here.
#[derive(Clone, Default)]
pub struct Options {
    /// The system's root; build contexts and files of secrets are relative to it.
    pub root: PathBuf,
    /// The environment variables of the user: `DOCKER_HOST`, `KUBECONFIG`, `HOME`,
    /// and those that secrets refer to.
    pub env: BTreeMap<String, String>,
    /// The work that an apply is asked for.
    pub request: Request,
    /// The treatment of objects that are no longer declared.
    pub prune: Prune,
    /// Allows operations that destroy data: those of a `down`, and those of an apply that
    /// `recreate` names.
    pub volumes: bool,
    /// The objects and components that may be deleted and created again where a change
    /// cannot be made in place, as `kind/name` or by the component's name.
    pub recreate: BTreeSet<String>,
    /// The tool whose objects an apply takes over where they have desired names.
    pub take_over: Option<Tool>,
    /// Overrides the deadline of every component, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Makes an apply wait until the deadline for what cannot become ready without
    /// intervention, since somebody may intervene.
    pub keep_waiting: bool,
    /// True if the desired state is a recorded one, which is compared as it was: what its
    /// images would be built from now does not matter.
    pub recorded: bool,
    /// The only plan that an apply may perform.
    pub planned: Option<Arc<PlanFile>>,
    /// The time to wait for the lock while another command holds it.
    pub lock_timeout: Duration,
    /// The fields to take over from other field managers, as in
    /// [`Conflict::field`](crate::Conflict::field) or as model paths.
    pub take: BTreeSet<String>,
    /// The desired state as a revision records it. Without it no revision is written.
    pub revisions: Option<Arc<dyn RevisionSource>>,
    /// The message of the revision.
    pub message: Option<String>,
    /// The origins of desired values. Without it every value counts as set by a
    /// fragment.
    pub origins: Option<Arc<dyn Origins>>,
}

impl Options {
    /// Fails if an apply may perform one plan only, and this is another one. `is_done`
    /// selects the operations that have been performed already.
    pub fn check_planned<P: Serialize>(
        &self,
        plan: &Plan<P>,
        is_done: impl Fn(&Operation) -> bool,
    ) -> Result<(), Error> {
        let planned = self.planned.as_ref();
        planned.map_or(Ok(()), |planned| planned.check(plan, is_done))
    }

    /// Returns the options that decide about the plan.
    pub fn choices(&self) -> Choices {
        Choices {
            prune: self.prune,
            take: self.take.clone(),
            recreate: self.recreate.clone(),
            volumes: self.volumes,
            take_over: self.take_over,
        }
    }

    /// Sets the options that decide about the plan, as they were when a plan was made.
    pub fn choose(&mut self, choices: &Choices) {
        self.prune = choices.prune;
        self.take.clone_from(&choices.take);
        self.recreate.clone_from(&choices.recreate);
        self.volumes = choices.volumes;
        self.take_over = choices.take_over;
    }

    /// Returns true if an object of a component may be recreated. The kind may be in any
    /// case.
    pub fn may_recreate(&self, kind: &str, name: &str, component: Option<&Name>) -> bool {
        component.is_some_and(|component| self.recreate.contains(component))
            || self.recreate.contains(&object_name(kind, name))
    }

    /// Returns a variable unless it is unset or empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Returns the name of an object as options and messages write it, such as
/// `statefulset/orders`.
pub fn object_name(kind: &str, name: &str) -> String {
    format!("{}/{name}", kind.to_lowercase())
}

/// Leaves out the variables' values: some of them are secrets.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("root", &self.root)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("request", &self.request)
            .field("prune", &self.prune)
            .field("volumes", &self.volumes)
            .field("recreate", &self.recreate)
            .field("take_over", &self.take_over)
            .field("timeout_ms", &self.timeout_ms)
            .field("keep_waiting", &self.keep_waiting)
            .field("lock_timeout", &self.lock_timeout)
            .field("take", &self.take)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_values_of_variables() {
        let env = BTreeMap::from([("STRIPE_KEY".to_owned(), "sk_live".to_owned())]);
        let shown = format!(
            "{:?}",
            Options {
                env,
                ..Options::default()
            }
        );
        assert!(
            shown.contains("STRIPE_KEY") && !shown.contains("sk_live"),
            "{shown}"
        );
    }
}
