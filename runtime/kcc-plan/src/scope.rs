//! [`Scope`]: the identity of the objects that one apply owns.

use std::fmt;

use kcc_lower::Desired;
use kcc_model::Name;
use serde::{Deserialize, Serialize};

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

    /// Returns the scope of the target itself.
    #[must_use]
    pub fn of_target(&self) -> Self {
        Self {
            instance: None,
            ..self.clone()
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
