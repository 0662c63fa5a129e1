//! [`Driver`]: the interface between the executor and Docker or Kubernetes.
//! A driver makes one call at a time and answers questions about readiness; the
//! executor decides when, and neither decides what.

use std::future::Future;

use kcc_model::Until;
use tokio::sync::watch;

use crate::{Calls, Cause, Error, Event, Operation, Reporter, Step};

/// Makes the calls of a plan's steps, those of several steps concurrently. All
/// decisions are in the step's payload.
pub trait Driver: Sync {
    /// The data that a step needs to be performed.
    type Payload: Sync;

    /// One call to the engine. Whatever the engine holds between any two of them is a
    /// state from which the next plan leads to the desired state.
    type Call: Send + Sync;

    /// Returns the calls of a step, in order. Pure: they follow from the step alone.
    fn calls(step: &Step<Self::Payload>) -> Vec<Calls<Self::Call>>;

    /// Makes one call of a step. A call may wait for a workload only if that is its
    /// whole purpose: a replacement keeps the old container until the new one is ready.
    fn perform(
        &self,
        call: &Self::Call,
        context: &Context<'_>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns true if a step counts towards [`Driver::max_parallel`]. A step that
    /// mostly waits, such as a stop, does not.
    fn counts_towards_limit(&self, _payload: &Self::Payload) -> bool {
        true
    }

    /// Reports if a component is in a state and, if not, why. Read-only.
    fn ready(
        &self,
        component: &str,
        until: Until,
    ) -> impl Future<Output = Result<Readiness, Error>> + Send;

    /// Does the same for one object, for engines whose steps wait for objects.
    fn object_ready(
        &self,
        _object: &str,
        _until: Until,
    ) -> impl Future<Output = Result<Readiness, Error>> + Send {
        std::future::ready(Ok(Readiness::Ready))
    }

    /// Returns the identities of the facts on which the answer rests that a component is
    /// ready, such as the pods that were seen to be. Called once, after that answer.
    fn seen(&self, _component: &str) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// Returns the cause why a component is not ready, with all that the engine knows
    /// about it. Called once, after a wait failed.
    fn explain(
        &self,
        _component: &str,
        _until: Until,
    ) -> impl Future<Output = Option<Cause>> + Send {
        std::future::ready(None)
    }

    /// Returns what to do about a component that is not ready, if the engine knows.
    fn advice(&self, _component: &str) -> impl Future<Output = Option<String>> + Send {
        std::future::ready(None)
    }

    /// Returns lines that explain why a component did not become ready, such as
    /// the end of its log; never a secret. Called once, after a wait failed.
    fn details(&self, _component: &str) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// Does the same for one object.
    fn object_details(&self, _object: &str) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// Returns the engine's permanent refusal of a component, which is reported
    /// instead of the last reason for not being ready. Called once, after a wait
    /// failed.
    fn refusal(&self, _component: &str) -> impl Future<Output = Option<Error>> + Send {
        std::future::ready(None)
    }

    /// The most steps that run concurrently; waits do not count.
    fn max_parallel(&self) -> usize {
        8
    }

    /// The number of calls so far that may have changed the engine's state.
    fn mutating_calls(&self) -> u64;
}

/// The answer to [`Driver::ready`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// The state is reached.
    Ready,
    /// The state is not reached yet.
    Waiting(Cause),
    /// The state will not be reached without intervention.
    Failed(Cause),
}

impl Readiness {
    /// Returns the reason why the state is not reached.
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Ready => None,
            Self::Waiting(cause) | Self::Failed(cause) => Some(cause),
        }
    }
}

/// The environment in which a step is performed.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The operation being performed.
    pub operation: &'a Operation,
    /// The receiver of progress events.
    pub reporter: &'a dyn Reporter,
    /// The user's request to stop.
    pub cancel: &'a Cancel,
}

impl Context<'_> {
    /// Reports progress, such as a line of a build or the bytes of a pull.
    pub fn progress(&self, text: &str, fraction: Option<f64>) {
        self.reporter.event(&Event::Progress {
            operation: self.operation,
            text,
            fraction,
        });
    }
}

/// A request to stop. Once it is cancelled no new step starts; running steps
/// finish, so that nothing is left half done.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancel {
    /// Creates a request that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns true once a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when a stop is requested.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the channel cannot close during the wait.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
