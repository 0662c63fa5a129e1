//! [`Calls`]: the calls to an engine that make up an operation, or a part of one, and
//! the calls that undo them. Values: an engine's crate derives them from the payload,
//! and the executor makes one after the other.

/// Calls that are made one after the other. If one fails, none of the rest is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls<C> {
    /// The calls, in order.
    pub calls: Vec<C>,
    /// The calls to make if one of them fails, in order. Each is made even if another
    /// one of these fails.
    pub undo: Vec<C>,
    /// The state after a failure that was undone, to be added to the message of the
    /// failure.
    pub outcome: Option<&'static str>,
}

impl<C> Calls<C> {
    /// Creates calls that are not undone if one fails: what they leave is resolved by
    /// the next plan.
    pub fn new(calls: impl Into<Vec<C>>) -> Self {
        Self {
            calls: calls.into(),
            undo: Vec::new(),
            outcome: None,
        }
    }

    /// Sets the calls that undo them.
    #[must_use]
    pub fn undo(mut self, undo: impl Into<Vec<C>>) -> Self {
        self.undo = undo.into();
        self
    }

    /// Sets the state after a failure that was undone.
    #[must_use]
    pub fn outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = Some(outcome);
        self
    }
}
