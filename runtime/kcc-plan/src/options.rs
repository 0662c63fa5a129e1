//! What a command asks for: [`Options`], and the [`Scope`] that an object of
//! kcc belongs to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::Origins;

/// Identity of everything that one apply looks after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// `system.name`.
    pub system: Name,
    /// The target.
    pub target: Name,
    /// The isolated copy, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Name>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.system, self.target)?;
        self.instance
            .as_ref()
            .map_or(Ok(()), |instance| write!(f, " ({instance})"))
    }
}

/// What happens to objects of kcc that no fragment asks for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prune {
    /// They are removed, unless they hold data.
    #[default]
    Owned,
    /// They stay.
    None,
}

/// Settings of one command. The libraries read no environment of their own:
/// what they may know of it is in here.
#[derive(Clone, Default)]
pub struct Options {
    /// The system's root: build contexts and files of secrets are relative to it.
    pub root: PathBuf,
    /// Variables of whoever runs the command: `DOCKER_HOST`, `KUBECONFIG`,
    /// `HOME`, `XDG_STATE_HOME`, and those that secrets refer to.
    pub env: BTreeMap<String, String>,
    /// The isolated copy that is meant.
    pub instance: Option<Name>,
    /// What happens to what is no longer asked for.
    pub prune: Prune,
    /// `down` removes data as well.
    pub volumes: bool,
    /// Replaces the deadline of every component, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Fields whose values are taken from other writers: as in
    /// [`Conflict::field`](crate::Conflict::field), or paths of the model.
    pub take: BTreeSet<String>,
    /// Whose values the desired objects hold. Without it each counts as one
    /// that a fragment states.
    pub origins: Option<Arc<dyn Origins>>,
}

impl Options {
    /// The scope of a target's desired state under these options.
    pub fn scope(&self, desired: &kcc_lower::Desired) -> Scope {
        Scope {
            system: desired.system.clone(),
            target: desired.target.clone(),
            instance: self.instance.clone(),
        }
    }

    /// A variable that is set to something.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Without the variables' values: some of them are secrets.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("root", &self.root)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("instance", &self.instance)
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
    fn values_of_variables_are_never_shown() {
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
