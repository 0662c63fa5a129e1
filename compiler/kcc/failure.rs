//! [`Findings`] and [`Failure`]: what a command found out about the
//! configuration, and why it did not get to its end.

use std::collections::BTreeSet;

use kcc_diag::{Diagnostics, Files};

/// Diagnostics with everything that is needed to show them.
#[derive(Debug, Default)]
pub struct Findings {
    /// The diagnostics, sorted.
    pub diagnostics: Diagnostics,
    /// The files that they point into.
    pub files: Files,
    /// All targets that were looked at.
    pub targets: BTreeSet<String>,
    /// The root relative to the current folder, as in [`kcc_diag::Style`].
    pub folder: String,
}

impl From<Diagnostics> for Findings {
    fn from(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            ..Self::default()
        }
    }
}

/// Why a command did not get to its end.
#[derive(Debug)]
pub enum Failure {
    /// The configuration has errors.
    Configuration(Findings),
    /// What the system needs of its surroundings is not there: files that could
    /// not be read, so that what was found is not all, or values of secrets.
    Unavailable(Findings),
    /// The arguments make no sense together, or not here.
    Usage {
        /// What is wrong.
        message: String,
        /// What mends it.
        help: Option<String>,
    },
    /// The environment failed.
    Environment(kcc_plan::Error),
    /// The CUE engine failed: a bug in kcc, unless a thread could not be started.
    Engine(kcc_cue::EngineError),
    /// A file of the user's could not be written, or the like.
    Io {
        /// What was being done, such as "cannot write `x`".
        message: String,
        /// Why it failed.
        cause: std::io::Error,
    },
}

impl Failure {
    /// A misuse of the command line.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// Something that could not be read or written.
    pub fn io(message: impl Into<String>, cause: std::io::Error) -> Self {
        Self::Io {
            message: message.into(),
            cause,
        }
    }
}

impl From<kcc_cue::EngineError> for Failure {
    fn from(error: kcc_cue::EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<kcc_plan::Error> for Failure {
    fn from(error: kcc_plan::Error) -> Self {
        Self::Environment(error)
    }
}
