//! [`Engine`] and [`Verdict`]: the treatment of a field by an engine.

use kcc_model::EngineTarget;
use serde::Serialize;

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Engine {
    Docker,
    Kubernetes,
}

impl Engine {
    /// Returns the engine of a target.
    pub fn of(target: &EngineTarget) -> Self {
        match target {
            EngineTarget::Docker {} => Self::Docker,
            EngineTarget::Kubernetes { .. } => Self::Kubernetes,
        }
    }

    /// Returns `docker` or `kubernetes`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Docker => "Docker",
            Self::Kubernetes => "Kubernetes",
        })
    }
}

/// The way an engine honours a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict", content = "because")]
pub enum Verdict {
    /// The engine honours it natively.
    Honoured,
    /// kcc approximates it; contains how.
    Emulated(&'static str),
    /// Dropped because it does not apply to the engine, and the component cannot
    /// tell; contains the reason.
    DroppedByNature(&'static str),
    /// Dropped although the component would notice; contains the reason.
    Dropped(&'static str),
}

impl Verdict {
    /// Returns the name: `honoured`, `emulated`, `dropped by nature` or `dropped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Emulated(_) => "emulated",
            Self::DroppedByNature(_) => "dropped by nature",
            Self::Dropped(_) => "dropped",
        }
    }

    /// Returns the text that explains an approximation or a drop.
    pub fn because(self) -> Option<&'static str> {
        match self {
            Self::Honoured => None,
            Self::Emulated(why) | Self::DroppedByNature(why) | Self::Dropped(why) => Some(why),
        }
    }
}
