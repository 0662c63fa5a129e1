//! [`Policy`]: a rule of a team that holds in a target.

use kcc_diag::{FileId, Span};

use crate::Path;

/// A policy that holds in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The policy's name.
    pub name: String,
    /// The message for whoever violates it.
    pub message: String,
    /// The label that declares it.
    pub label: Span,
    /// The file whose policy it is: the one that embeds it, where that is not
    /// the file it is written in.
    pub by: FileId,
    /// The paths it constrains, as it writes them, with the lines; `*` in a path
    /// stands for any name.
    pub requires: Vec<(Path, Span)>,
}
