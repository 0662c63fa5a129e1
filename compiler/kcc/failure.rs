//! [`Diagnosis`]: diagnostics with what is needed to render them. [`Failure`]: the
//! reason why a command did not complete.
//!
//! Mistakes of users are diagnostics, failures of the environment are errors; both
//! meet in [`Failure`], which the printer maps to text and an exit code.

use std::{collections::BTreeSet, sync::Arc};

use kcc_diag::{Diagnostics, Files};
use kcc_tree::ConfigTree;

/// Diagnostics with everything needed to render them.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// The diagnostics, sorted.
    pub diagnostics: Diagnostics,
    /// The files that their labels point into.
    pub files: Arc<Files>,
    /// All targets that were evaluated.
    pub targets: BTreeSet<String>,
    /// The system's root relative to the current directory, as in [`kcc_diag::Style`].
    pub root: String,
}

impl Diagnosis {
    /// Adds what a tree knows to diagnostics. `root` is the system's, as it is shown.
    pub fn of(tree: &ConfigTree, root: &str, diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            files: Arc::clone(&tree.files),
            targets: tree.targets.keys().cloned().collect(),
            root: root.to_owned(),
        }
    }
}

impl From<Diagnostics> for Diagnosis {
    fn from(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            ..Self::default()
        }
    }
}

/// The reason why a command did not complete.
#[derive(Debug)]
pub enum Failure {
    /// The configuration has errors.
    Configuration(Diagnosis),
    /// The environment lacks something the system needs: files could not be read,
    /// so the diagnostics may be incomplete, or secrets have no value.
    Unavailable(Diagnosis),
    /// The arguments are invalid, together or for this system.
    Usage {
        /// The message.
        message: String,
        /// One action that fixes it.
        help: Option<String>,
    },
    /// The environment failed.
    Environment(kcc_plan::Error),
    /// The evaluator failed: a bug in kcc, unless a thread could not be started.
    Evaluator(kcc_cue::EvaluatorError),
    /// Reading or writing failed.
    Io {
        /// The action that failed, such as "cannot write `x`".
        message: String,
        /// The error of the operating system.
        cause: std::io::Error,
    },
}

impl Failure {
    /// Creates a usage error.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// Creates an I/O error.
    pub fn io(message: impl Into<String>, cause: std::io::Error) -> Self {
        Self::Io {
            message: message.into(),
            cause,
        }
    }
}

impl From<kcc_cue::EvaluatorError> for Failure {
    fn from(error: kcc_cue::EvaluatorError) -> Self {
        Self::Evaluator(error)
    }
}

impl From<kcc_plan::Error> for Failure {
    fn from(error: kcc_plan::Error) -> Self {
        Self::Environment(error)
    }
}
