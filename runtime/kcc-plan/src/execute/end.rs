//! [`NodeEnd`]: the end of a step or a wait.

/// The reason for steps that do not start after the user asked to stop.
pub(super) const STOPPED: &str = "the apply was stopped";

/// The end of a node.
#[derive(Debug, Clone)]
pub(super) enum NodeEnd {
    Done,
    /// It failed, but nothing depends on it.
    Left,
    /// Something that this apply does not affect is not ready.
    NotReady,
    /// It failed, for this reason.
    Failed(String),
    /// It did not start or was no longer awaited, for this reason.
    Skipped(String),
}
