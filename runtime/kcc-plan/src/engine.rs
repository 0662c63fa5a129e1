//! [`Engine`]: what the executor asks of Docker or Kubernetes.

use std::future::Future;

use kcc_model::Until;
use tokio::sync::watch;

use crate::{Error, Event, Operation, Reporter, Step};

/// Performs the steps of a plan, one at a time each, many side by side. It
/// decides nothing: what to do is in the step's work.
pub trait Engine: Sync {
    /// What a step needs to be performed.
    type Work: Sync;

    /// Performs one step. It must not wait for a workload to become ready,
    /// other than where that is part of the step itself (a replacement that
    /// keeps the old one until the new one is ready).
    fn perform(
        &self,
        step: &Step<Self::Work>,
        context: &Context<'_>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether a step counts towards the limit of steps that run side by side.
    /// One that does little but wait, such as a stop, does not.
    fn limited(&self, _work: &Self::Work) -> bool {
        true
    }

    /// Whether a component is in a state, and if not, why. Read-only.
    fn ready(
        &self,
        component: &str,
        until: Until,
    ) -> impl Future<Output = Result<Readiness, Error>> + Send;

    /// The same of one object, for engines whose steps wait for some.
    fn object_ready(
        &self,
        _object: &str,
        _until: Until,
    ) -> impl Future<Output = Result<Readiness, Error>> + Send {
        std::future::ready(Ok(Readiness::Ready))
    }

    /// Lines that explain why a component did not become ready, such as the
    /// last of its log; never a secret. Asked once, when a wait has failed.
    fn details(&self, _component: &str) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// The same of one object.
    fn object_details(&self, _object: &str) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// What the engine refuses about a component and will go on to refuse: it is
    /// told in place of the last reason why the component is not ready. Asked
    /// once, when a wait has failed.
    fn refusal(&self, _component: &str) -> impl Future<Output = Option<Error>> + Send {
        std::future::ready(None)
    }

    /// Steps that run side by side at most; waits do not count.
    fn parallel(&self) -> usize {
        8
    }

    /// The number of calls so far that may have changed something.
    fn mutating_calls(&self) -> u64;
}

/// The answer to [`Engine::ready`]. `why` is for people: the last answer of a
/// health check, an exit code, the last few lines of a log; never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is so.
    Ready,
    /// Not yet.
    Waiting {
        /// What is missing.
        why: String,
    },
    /// It will never be, without somebody's help.
    Failed {
        /// What happened.
        why: String,
    },
}

/// What a step may use while it is performed.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The operation that is performed.
    pub operation: &'a Operation,
    /// Who hears of progress.
    pub reporter: &'a dyn Reporter,
    /// Whether the user wants to stop.
    pub cancel: &'a Cancel,
}

impl Context<'_> {
    /// Tells how far the operation is, such as a line of a build or the bytes of a pull.
    pub fn progress(&self, text: &str, fraction: Option<f64>) {
        self.reporter.event(&Event::Progress {
            operation: self.operation,
            text,
            fraction,
        });
    }
}

/// The user's wish to stop. No new step begins once it is cancelled; those that
/// run are finished, so that nothing is left half made.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancel {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is asked to stop.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so this cannot fail while it is awaited.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
