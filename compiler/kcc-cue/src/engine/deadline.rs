//! The deadline of an evaluation, without reading a clock.
//!
//! While something runs, one thread moves the engine's epoch at a fixed pace;
//! an evaluation ends once it has seen as many moves as it was given.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use wasmtime::EngineWeak;

/// The time between two moves of the epoch.
const PACE: Duration = Duration::from_millis(10);

/// Moves the epoch of an engine while somebody wants it.
#[derive(Clone)]
pub(super) struct Ticker {
    engine: EngineWeak,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    ended: Condvar,
}

#[derive(Default)]
struct Wanted {
    runs: usize,
    thread: bool,
}

/// The epoch moves as long as this lives.
pub(super) struct Running<'a>(&'a Shared);

impl Ticker {
    pub(super) fn new(engine: EngineWeak) -> Self {
        Self {
            engine,
            shared: Arc::default(),
        }
    }

    /// How many moves of the epoch make up a time.
    pub(super) fn moves(time: Duration) -> u64 {
        u64::try_from(time.as_millis().div_ceil(PACE.as_millis()))
            .unwrap_or(u64::MAX / 2)
            .max(1)
    }

    /// Moves the epoch from now on.
    pub(super) fn run(&self) -> std::io::Result<Running<'_>> {
        let mut wanted = self.shared.lock();
        wanted.runs += 1;
        let running = Running(&self.shared);
        if !wanted.thread {
            let (engine, shared) = (self.engine.clone(), Arc::clone(&self.shared));
            wanted.thread = true;
            drop(wanted);
            let started = thread::Builder::new()
                .name("kcc-deadline".to_owned())
                .spawn(move || tick(&engine, &shared));
            if let Err(error) = started {
                self.shared.lock().thread = false;
                return Err(error);
            }
        }
        Ok(running)
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().runs -= 1;
        self.0.ended.notify_all();
    }
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut wanted = shared.lock();
    while wanted.runs > 0 {
        let (next, timeout) = shared
            .ended
            .wait_timeout(wanted, PACE)
            .unwrap_or_else(PoisonError::into_inner);
        wanted = next;
        if timeout.timed_out() {
            let Some(engine) = engine.upgrade() else {
                break;
            };
            engine.increment_epoch();
        }
    }
    wanted.thread = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_moves_and_never_none() {
        assert_eq!(Ticker::moves(Duration::from_secs(30)), 3_000);
        assert_eq!(Ticker::moves(Duration::from_millis(11)), 2);
        assert_eq!(Ticker::moves(Duration::ZERO), 1);
    }

    #[test]
    fn the_thread_ends_with_the_last_run() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::new(engine.weak());
        let (first, second) = (ticker.run().unwrap(), ticker.run().unwrap());
        drop(first);
        assert!(ticker.shared.lock().thread);
        drop(second);
        let mut wanted = ticker.shared.lock();
        for _ in 0..500 {
            if !wanted.thread {
                break;
            }
            drop(wanted);
            thread::sleep(PACE);
            wanted = ticker.shared.lock();
        }
        assert!(!wanted.thread);
    }
}
