//! [`Reporter`]: the receiver of progress events. The command line implements it
//! once with bars for a terminal and once with plain lines.

use kcc_model::Until;

use crate::{Error, Operation};

/// Receives events, possibly of several operations concurrently. Must return at
/// once: the executor calls it between steps.
pub trait Reporter: Sync {
    /// Handles an event.
    fn event(&self, event: &Event<'_>);
}

/// An event during the execution of a plan.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An operation starts.
    Started {
        /// The operation.
        operation: &'a Operation,
    },
    /// An operation makes progress.
    Progress {
        /// The operation.
        operation: &'a Operation,
        /// The progress, in one line.
        text: &'a str,
        /// The completed fraction, from 0 to 1, if it is known.
        fraction: Option<f64>,
    },
    /// An operation ended.
    Finished {
        /// The operation.
        operation: &'a Operation,
        /// The error, if it failed.
        error: Option<&'a Error>,
    },
    /// An operation is skipped because a predecessor failed.
    Skipped {
        /// The operation.
        operation: &'a Operation,
        /// The reason.
        why: &'a str,
    },
    /// A component is not ready yet; reported once per reason.
    Waiting {
        /// The component.
        component: &'a str,
        /// The awaited state.
        until: Until,
        /// The missing condition.
        why: &'a str,
    },
    /// A component reached the awaited state.
    Ready {
        /// The component.
        component: &'a str,
        /// The state.
        until: Until,
        /// The facts that the engine's answer rests on, as [`Driver::seen`] names them.
        ///
        /// [`Driver::seen`]: crate::Driver::seen
        seen: &'a [String],
    },
    /// A component did not reach the awaited state.
    NotReady {
        /// The component.
        component: &'a str,
        /// The awaited state.
        until: Until,
        /// The reason.
        why: &'a str,
    },
    /// Something the user should know, such as how a check is emulated.
    Note {
        /// The note, in one line.
        text: &'a str,
    },
}

/// A reporter that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Event<'_>) {}
}
