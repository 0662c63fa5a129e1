//! [`Request`]: the work that an apply is asked for, and [`Prune`].

use std::{borrow::Cow, collections::BTreeSet};

use kcc_diag::Code;
use kcc_lower::Desired;
use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::{Error, Scope};

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
    /// Brings these components to their desired state, and nothing else.
    Only(BTreeSet<Name>),
    /// Removes these components, data excepted: the work of a `down`.
    Stop(BTreeSet<Name>),
}

impl Request {
    /// Returns the components that the work is limited to; none if it is not.
    pub fn components(&self) -> Option<&BTreeSet<Name>> {
        match self {
            Self::Apply => None,
            Self::Only(components)
            | Self::Restart(components)
            | Self::Start(components)
            | Self::Stop(components) => Some(components),
        }
    }

    /// Returns true if the work brings what it concerns to its desired state.
    pub fn applies(&self) -> bool {
        matches!(self, Self::Apply | Self::Only(_))
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
        if let Some(selected) = self.components().filter(|_| !self.applies()) {
            return Cow::Owned(desired.part(|name| selected.contains(name)));
        }
        // A task that was started has ended, or will, without any apply.
        let dormant = |name: &Name| {
            let manual = components.get(name).filter(|component| component.manual);
            manual.is_some_and(|component| component.job || !started.contains(name))
        };
        let left_out = |name: &Name| dormant(name) || !self.concerns(Some(name));
        if components.keys().any(left_out) {
            Cow::Owned(desired.part(|name| !left_out(name)))
        } else {
            Cow::Borrowed(desired)
        }
    }

    /// Returns the work as messages name it, such as `an apply`.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Apply | Self::Only(_) => "an apply",
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Prune {
    /// They are removed, unless they hold data.
    #[default]
    Owned,
    /// They stay.
    None,
}
