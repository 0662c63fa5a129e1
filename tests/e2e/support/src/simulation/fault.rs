//! [`Faults`]: the one thing that goes wrong while a simulated command runs, at one of
//! its calls to the engine or to the store of its record.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kcc_diag::Code;
use kcc_plan::Error;
use tokio::sync::Notify;

use super::chance::Chance;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The command is killed before the call has an effect.
    CrashBefore,
    /// The command is killed after the call has had its effect.
    CrashAfter,
    /// The call has its effect, but the answer is lost.
    Lost,
    /// The call is denied.
    Denied,
    /// The call reaches its destination twice.
    Twice,
    /// The answer takes longer than a lock lasts.
    Slow,
    /// The command is paused, and another one takes its lock over meanwhile.
    Overtaken,
    /// Somebody else changes the engine just before the call.
    Interference,
    /// The user asks to stop.
    Stop,
}

const ALL: [Fault; 9] = [
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::Lost,
    Fault::Denied,
    Fault::Twice,
    Fault::Slow,
    Fault::Overtaken,
    Fault::Interference,
    Fault::Stop,
];

/// The longest that a slow call takes; a lock lasts 20 s.
const SLOW: Duration = Duration::from_secs(30);

/// The event for which the simulation stops polling the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// The command is gone.
    Crash,
    /// The command goes on after another one has run.
    Pause,
    /// Somebody else changes the engine.
    Interference,
    /// The user asks to stop.
    Stop,
}

/// The faults of one command; all clones are of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    interrupted: Notify,
    resumed: Notify,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    planned: Option<(usize, Fault)>,
    interruption: Option<Interruption>,
}

impl Faults {
    /// Returns no faults.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Returns a fault at one of the first `calls` calls.
    pub(super) fn random(chance: &mut Chance, calls: usize) -> Self {
        let at = chance.below(calls);
        let fault = ALL[chance.below(ALL.len())];
        Self::at(at, fault)
    }

    /// Returns a fault at a call, counted from 0.
    pub(super) fn at(call: usize, fault: Fault) -> Self {
        let faults = Self::default();
        faults.state(|state| state.planned = Some((call, fault)));
        faults
    }

    /// Returns the fault and the number of its call.
    pub(super) fn planned(&self) -> Option<(usize, Fault)> {
        self.state(|state| state.planned)
    }

    /// Returns the number of calls so far.
    pub(super) fn calls(&self) -> usize {
        self.state(|state| state.calls)
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self) -> Option<Fault> {
        self.state(|state| {
            let call = state.calls;
            state.calls += 1;
            state
                .planned
                .filter(|(at, _)| *at == call)
                .map(|(_, fault)| fault)
        })
    }

    /// Completes when the simulation has to act.
    pub(super) async fn interrupted(&self) -> Interruption {
        loop {
            if let Some(interruption) = self.state(|state| state.interruption.take()) {
                return interruption;
            }
            self.0.interrupted.notified().await;
        }
    }

    /// Lets the command go on.
    pub(super) fn resume(&self) {
        self.0.resumed.notify_one();
    }

    fn interrupt(&self, interruption: Interruption) {
        self.state(|state| state.interruption = Some(interruption));
        self.0.interrupted.notify_one();
    }

    async fn pause(&self, interruption: Interruption) {
        self.interrupt(interruption);
        self.0.resumed.notified().await;
    }

    /// Makes a call with this effect, unless a fault prevents it. `send` is what the
    /// client checks as it sends the call.
    pub(super) async fn call<T: Send>(
        &self,
        send: impl Fn() -> Result<(), Error> + Send + Sync,
        mut effect: impl FnMut() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let fault = self.next();
        match fault {
            Some(Fault::CrashBefore) => {
                self.interrupt(Interruption::Crash);
                return pending().await;
            }
            Some(Fault::Overtaken) => self.pause(Interruption::Pause).await,
            Some(Fault::Interference) => self.pause(Interruption::Interference).await,
            Some(Fault::Stop) => self.pause(Interruption::Stop).await,
            _ => {}
        }
        send()?;
        match fault {
            Some(Fault::CrashAfter) => {
                let _ = effect();
                self.interrupt(Interruption::Crash);
                pending().await
            }
            Some(Fault::Lost) => {
                let _ = effect();
                Err(failed("no response from the engine"))
            }
            Some(Fault::Denied) => Err(failed("permission denied")),
            Some(Fault::Twice) => {
                let _ = effect();
                effect()
            }
            Some(Fault::Slow) => {
                let done = effect();
                tokio::time::sleep(SLOW).await;
                done
            }
            _ => effect(),
        }
    }
}

fn failed(why: &str) -> Error {
    Error::new(Code::ApplyRefused, why)
}

/// Runs a command until it ends or is interrupted, and lets the simulation act on
/// interruptions. Returns nothing if the command was killed.
pub(super) async fn interruptible<T>(
    faults: &Faults,
    command: impl Future<Output = T>,
    mut act: impl AsyncFnMut(Interruption),
) -> Option<T> {
    let mut command = Box::pin(command);
    loop {
        let interruption = tokio::select! {
            biased;
            interruption = faults.interrupted() => interruption,
            result = &mut command => return Some(result),
        };
        if interruption == Interruption::Crash {
            return None;
        }
        act(interruption).await;
        faults.resume();
    }
}
