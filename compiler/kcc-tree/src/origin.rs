//! [`Origin`]: a line that contributes to a value.

use kcc_diag::{FileId, Span};

/// The way a line takes part in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginKind {
    /// A concrete value that a fragment writes.
    Value,
    /// A type, a bound, a regular expression or a disjunction.
    Constraint,
    /// A value marked `*` in a disjunction.
    CueDefault,
    /// A value of a `defaults` block or of the schema's `@default`.
    Default,
    /// A line of kcc's schema.
    Schema,
}

/// A line behind a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The expression.
    pub span: Span,
    /// The way it takes part in the value.
    pub kind: OriginKind,
    /// The file whose team answers for the line: the file of the span, unless a
    /// reference brings the line in (`services: web: _app & {…}`), then the
    /// fragment with the reference.
    pub by: FileId,
}
