//! [`Tool`]: a tool whose objects an apply may take over.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A tool that made what runs, before kcc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Helm, on Kubernetes.
    Helm,
    /// kubectl, on Kubernetes.
    Kubectl,
    /// Docker Compose.
    Compose,
}

impl Tool {
    /// Returns the value of `--take-over`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::Kubectl => "kubectl",
            Self::Compose => "compose",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Helm => "Helm",
            Self::Kubectl => "kubectl",
            Self::Compose => "Compose",
        })
    }
}
