//! [`Reporter`]: who hears what an apply is doing. The command line has one
//! with bars for a terminal and one with plain lines.

use kcc_model::Until;

use crate::{Error, Operation};

/// Hears of events, possibly of several operations side by side. Must return
/// at once: the executor calls it between its steps.
pub trait Reporter: Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// Something that happens while a plan is executed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An operation begins.
    Started {
        /// Which.
        operation: &'a Operation,
    },
    /// An operation goes on.
    Progress {
        /// Which.
        operation: &'a Operation,
        /// How far it is, in one line.
        text: &'a str,
        /// The part that is done, from 0 to 1, where it is known.
        fraction: Option<f64>,
    },
    /// An operation ended.
    Finished {
        /// Which.
        operation: &'a Operation,
        /// Why it failed, if it did.
        error: Option<&'a Error>,
    },
    /// An operation is not begun, because something that it comes after failed.
    Skipped {
        /// Which.
        operation: &'a Operation,
        /// The reason.
        why: &'a str,
    },
    /// A component is not ready yet; told once for each reason.
    Waiting {
        /// The component.
        component: &'a str,
        /// The state that is waited for.
        until: Until,
        /// What is missing.
        why: &'a str,
    },
    /// A component is in the state that was waited for.
    Ready {
        /// The component.
        component: &'a str,
        /// The state.
        until: Until,
    },
    /// A component did not get there.
    NotReady {
        /// The component.
        component: &'a str,
        /// The state that was waited for.
        until: Until,
        /// Why.
        why: &'a str,
    },
    /// Something that the user should know, such as how a check is emulated.
    Note {
        /// One line.
        text: &'a str,
    },
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Event<'_>) {}
}
