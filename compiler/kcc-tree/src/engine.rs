//! [`Engine`]: the program that runs containers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The program that runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are proper nouns")]
pub enum Engine {
    Docker,
    Kubernetes,
}

impl Engine {
    /// Every engine, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Docker, Self::Kubernetes];

    /// Returns the engine that a fragment names `docker` or `kubernetes`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == name)
    }

    /// Returns the name in fragments, commands and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// Writes the proper noun, for sentences.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "Docker",
            Self::Kubernetes => "Kubernetes",
        })
    }
}
