//! [`Engine`] and [`Verdict`]: what an engine makes of a field.

use kcc_model::EngineTarget;
use serde::Serialize;

/// The kind of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Engine {
    Docker,
    Kubernetes,
}

impl Engine {
    /// The engine that a target is bound to.
    pub fn of(target: &EngineTarget) -> Self {
        match target {
            EngineTarget::Docker {} => Self::Docker,
            EngineTarget::Kubernetes { .. } => Self::Kubernetes,
        }
    }

    /// `docker`, `kubernetes`.
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

/// What an engine makes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict", content = "because")]
pub enum Verdict {
    /// The engine does it itself.
    Honoured,
    /// kcc does it in another way; which.
    Emulated(&'static str),
    /// The engine has no such thing, and the component cannot tell; why.
    DroppedByNature(&'static str),
    /// The component would notice; why it is not there.
    Dropped(&'static str),
}

impl Verdict {
    /// `honoured`, `emulated`, `dropped by nature`, `dropped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Emulated(_) => "emulated",
            Self::DroppedByNature(_) => "dropped by nature",
            Self::Dropped(_) => "dropped",
        }
    }

    /// How it is emulated, or why it is dropped.
    pub fn because(self) -> Option<&'static str> {
        match self {
            Self::Honoured => None,
            Self::Emulated(why) | Self::DroppedByNature(why) | Self::Dropped(why) => Some(why),
        }
    }
}
