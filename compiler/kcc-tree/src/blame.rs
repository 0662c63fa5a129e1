//! [`Blame`]: the lines behind a path beyond the origins of its node.

use std::sync::Arc;

use kcc_diag::Span;

use crate::{Origin, Policy};

/// The lines behind a path that its node's origins do not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blame {
    /// The line of kcc's schema.
    pub schema: Option<Span>,
    /// The defaults that fragments give, also those that a stronger value
    /// overrides.
    pub defaults: Vec<DefaultLine>,
    /// The lines that the team's own overlay replaces.
    pub replaced: Vec<Origin>,
    /// The lines of policies that were checked against the value.
    pub policies: Vec<PolicyLine>,
}

/// A line of a `defaults` block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLine {
    /// The line.
    pub origin: Origin,
    /// True for the block of the component's owner, which is stronger than a
    /// governing team's.
    pub own: bool,
}

/// A line of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLine {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The line that constrains this value.
    pub span: Span,
}
