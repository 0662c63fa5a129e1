//! [`Options`]: the settings of one command; [`Scope`]: the identity of the
//! objects that one apply owns.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use kcc_diag::Code;
use kcc_lower::Desired;
use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::{Error, Origins};

/// The identity of everything that one apply owns: system, target and instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// `system.name`.
    pub system: Name,
    /// The target.
    pub target: Name,
    /// The instance, for an isolated run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Name>,
}

impl Scope {
    /// Returns the scope of a desired state.
    pub fn of(desired: &Desired) -> Self {
        Self {
            system: desired.system.clone(),
            target: desired.target.clone(),
            instance: desired.instance.clone(),
        }
    }

    /// Returns the command line of a command on this scope, such as
    /// `kcc apply --target dev`.
    pub fn command(&self, name: &str) -> String {
        let instance = self.instance.as_ref();
        let instance = instance.map(|name| format!(" --instance {name}"));
        format!(
            "kcc {name} --target {}{}",
            self.target,
            instance.unwrap_or_default()
        )
    }

    /// Returns the command that takes objects of the scope back into its record.
    pub fn recover_command(&self) -> String {
        self.command("recover")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.system, self.target)?;
        self.instance
            .as_ref()
            .map_or(Ok(()), |instance| write!(f, " ({instance})"))
    }
}

/// The work that an apply is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Request {
    /// Brings the whole target to its desired state.
    #[default]
    Apply,
    /// Restarts these components, which have to be as desired.
    Restart(BTreeSet<Name>),
    /// Starts these components, and runs those that run to completion once more.
    Start(BTreeSet<Name>),
    /// Removes these components, data excepted: the work of a `down`.
    Stop(BTreeSet<Name>),
}

impl Request {
    /// Returns the components that the work is limited to; none if it is not.
    pub fn components(&self) -> Option<&BTreeSet<Name>> {
        match self {
            Self::Apply => None,
            Self::Restart(components) | Self::Start(components) | Self::Stop(components) => {
                Some(components)
            }
        }
    }

    /// Returns true if the work may concern an object of a component.
    pub fn concerns(&self, component: Option<&Name>) -> bool {
        match self.components() {
            None => true,
            Some(components) => component.is_some_and(|component| components.contains(component)),
        }
    }

    /// Returns the desired state of what the work is limited to. An apply leaves the
    /// components alone that are started by hand and are not in `started`.
    pub fn part_of<'a>(&self, desired: &'a Desired, started: &BTreeSet<Name>) -> Cow<'a, Desired> {
        let components = &desired.components;
        if let Some(selected) = self.components() {
            return Cow::Owned(desired.part(|name| selected.contains(name)));
        }
        // A task that was started has ended, or will, without any apply.
        let dormant = |name: &Name| {
            let manual = components.get(name).filter(|component| component.manual);
            manual.is_some_and(|component| component.job || !started.contains(name))
        };
        if components.keys().any(dormant) {
            Cow::Owned(desired.part(|name| !dormant(name)))
        } else {
            Cow::Borrowed(desired)
        }
    }

    /// Returns the work as messages name it, such as `an apply`.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Apply => "an apply",
            Self::Restart(_) => "a restart",
            Self::Start(_) => "a start",
            Self::Stop(_) => "a stop",
        }
    }

    /// Returns the removal as messages name it: `a down`, or `a stop` of some
    /// components.
    pub fn removal_noun(&self) -> &'static str {
        match self {
            Self::Stop(_) => self.noun(),
            _ => "a down",
        }
    }

    /// Returns the cause of operations that remove what the work is limited to.
    pub fn removal_cause(&self) -> &'static str {
        match self {
            Self::Stop(_) => "removed by `kcc stop`",
            _ => "removed by `kcc down`",
        }
    }
}

/// The cause of the operations of a requested restart.
pub const RESTART: &str = "restart requested";
/// The cause of the operations that start what is started by hand.
pub const START: &str = "start requested";

/// Describes a component that has nothing to restart.
pub fn not_running(scope: &Scope, component: &str) -> Error {
    let message = format!(
        "component `{component}` is not running in `{}`",
        scope.target
    );
    let help = format!("create it with `{}`", scope.command("apply"));
    Error::new(Code::PlanNotRunning, message).help(help)
}

/// Describes a component that a restart would change.
pub fn outdated(scope: &Scope, component: &str, cause: &str) -> Error {
    let message = format!(
        "`{component}` in `{}` is not as its fragments declare it: {cause}",
        scope.target
    );
    let help = format!("change and restart it with `{}`", scope.command("apply"));
    Error::new(Code::PlanOutdated, message).help(help)
}

/// The treatment of kcc's objects that are no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prune {
    /// They are removed, unless they hold data.
    #[default]
    Owned,
    /// They stay.
    None,
}

/// The settings of one command. The libraries read no environment themselves:
/// all they may know of it is in here.
#[derive(Clone, Default)]
pub struct Options {
    /// The system's root; build contexts and files of secrets are relative to it.
    pub root: PathBuf,
    /// The environment variables of the user: `DOCKER_HOST`, `KUBECONFIG`,
    /// `HOME`, `XDG_STATE_HOME`, and those that secrets refer to.
    pub env: BTreeMap<String, String>,
    /// The work that an apply is asked for.
    pub request: Request,
    /// The treatment of objects that are no longer declared.
    pub prune: Prune,
    /// Makes `down` remove data too.
    pub volumes: bool,
    /// Overrides the deadline of every component, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The fields to take over from other field managers, as in
    /// [`Conflict::field`](crate::Conflict::field) or as model paths.
    pub take: BTreeSet<String>,
    /// The origins of desired values. Without it every value counts as set by a
    /// fragment.
    pub origins: Option<Arc<dyn Origins>>,
}

impl Options {
    /// Returns a variable unless it is unset or empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
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
            .field("timeout_ms", &self.timeout_ms)
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
