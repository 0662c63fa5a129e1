//! [`Options`]: the settings of one command; [`Scope`]: the identity of the
//! objects that one apply owns.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use kcc_lower::Desired;
use kcc_model::Name;
use serde::{Deserialize, Serialize};

use crate::Origins;

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

    /// Returns the command that takes objects of the scope back into its record.
    pub fn recover_command(&self) -> String {
        let instance = self.instance.as_ref();
        let instance = instance.map(|name| format!(" --instance {name}"));
        format!(
            "kcc recover --target {}{}",
            self.target,
            instance.unwrap_or_default()
        )
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
