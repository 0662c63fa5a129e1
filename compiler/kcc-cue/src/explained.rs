//! [`Explained`]: what the tree does not say about a path, for those who ask
//! who is behind a value.

use std::sync::Arc;

use kcc_diag::{FileId, Span};

use crate::tree::{Origin, Path};

/// What else is said about a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// The line of kcc's schema for it.
    pub schema: Option<Span>,
    /// The soft values of the fragments, those too that a stronger value put
    /// aside.
    pub soft: Vec<SoftLine>,
    /// The lines of the base that the team's own overlay stands in for.
    pub replaced: Vec<Origin>,
    /// The lines of policies that the value was held against.
    pub policies: Vec<PolicyLine>,
}

/// A line of a `defaults` block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftLine {
    /// The line.
    pub origin: Origin,
    /// Whether the block is that of the team that owns the component, which is
    /// stronger than a governing team's.
    pub own: bool,
}

/// A line of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLine {
    /// The policy.
    pub policy: Arc<Policy>,
    /// What it requires of this value.
    pub span: Span,
}

/// A policy that holds in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it says to who violates it.
    pub message: String,
    /// Where its name stands.
    pub label: Span,
    /// The file whose policy it is: the one that embeds it, where that is not
    /// the file that it is written in.
    pub by: FileId,
    /// The paths that it requires something of, as it writes them, and the
    /// lines; `*` in a path stands for any name.
    pub requires: Vec<(Path, Span)>,
}
