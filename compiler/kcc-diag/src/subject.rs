//! [`Subject`] and [`MistakeKind`]: the subject of a diagnostic, and the kind of
//! statement about it. Which diagnostics follow from others is decided by these two
//! and by spans, never by the text of a message.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Path;

/// The thing that a diagnostic is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// The system as a whole, a file, or an engine.
    #[default]
    System,
    /// A component of a plan, by its name.
    Component(String),
    /// A path in the model, such as `services.web.replicas`. A component, a team
    /// and a target have a path as well.
    Path(Path),
}

impl Subject {
    /// Returns the path in the model, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::System | Self::Component(_) => None,
        }
    }

    /// Returns the subject as output formats show it; `None` for the system.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::System => None,
            Self::Component(name) => Some(name.clone()),
            Self::Path(path) => Some(path.to_string()),
        }
    }
}

impl From<Path> for Subject {
    fn from(path: Path) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Subject {
    fn from(path: &Path) -> Self {
        Self::Path(path.clone())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown().unwrap_or_default())
    }
}

/// The kind of statement that a diagnostic makes about its subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MistakeKind {
    /// Something that is written is wrong.
    #[default]
    Wrong,
    /// A field that does not exist was probably intended to be the one at a path.
    Misspelled(Path),
    /// Something is missing. Any file that declares it contains this name.
    Missing(String),
    /// Nothing in any target uses something. Any file that uses it contains one of
    /// these names; without any, every file may.
    Unused(Vec<String>),
}
