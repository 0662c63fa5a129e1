//! [`Fence`]: keeps a command from changing anything once its lock may have expired.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use kcc_diag::Code;
use tokio::time::Instant;

use crate::Error;

/// The check that every changing call has to pass. All clones are one fence.
#[derive(Debug, Clone, Default)]
pub struct Fence(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// No lock is needed, or none is held yet.
    #[default]
    Open,
    /// The lock is certainly held until then.
    Until(Deadline),
    /// The lock is lost.
    Closed,
}

/// A moment by both clocks of this machine. The steady one stops while a laptop
/// sleeps, and the other one may be set back.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    steady: Instant,
    wall: SystemTime,
}

/// A moment at which a lease is known to have time left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(Deadline);

impl Moment {
    pub(super) fn now() -> Self {
        Self(Deadline {
            steady: Instant::now(),
            wall: SystemTime::now(),
        })
    }
}

impl Fence {
    /// Fails if another command may hold the lock by now.
    pub fn check(&self) -> Result<(), Error> {
        let now = Moment::now().0;
        match self.state() {
            State::Open => Ok(()),
            State::Until(end) if now.steady < end.steady && now.wall < end.wall => Ok(()),
            _ => Err(lost("it could not be renewed in time")),
        }
    }

    /// Lets calls pass for a duration that begins at a moment in the past.
    pub(super) fn open_until(&self, from: Moment, duration: Duration) {
        self.set(State::Until(Deadline {
            steady: from.0.steady + duration,
            wall: from.0.wall + duration,
        }));
    }

    /// Lets no call pass any more.
    pub(super) fn close(&self) {
        self.set(State::Closed);
    }

    /// Lets all calls pass, because no lock is held.
    pub(super) fn open(&self) {
        self.set(State::Open);
    }

    fn state(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Describes a lock that this command no longer holds.
pub(super) fn lost(why: &str) -> Error {
    Error::new(
        Code::ApplyLockLost,
        format!("the target's lock is lost: {why}"),
    )
    .help("run the command again; it goes on from what is there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_in_time() {
        let fence = Fence::default();
        fence.check().unwrap();
        let begin = Moment::now();
        fence.open_until(begin, Duration::from_mins(1));
        fence.clone().check().unwrap();
        fence.open_until(begin, Duration::ZERO);
        assert_eq!(fence.check().unwrap_err().code, Code::ApplyLockLost);
        fence.open();
        fence.check().unwrap();
        fence.close();
        assert!(fence.check().is_err());
    }
}
