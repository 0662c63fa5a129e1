//! The deadline of an evaluation, without reading a clock.
//!
//! While an evaluation runs, one thread increments the engine's epoch at a fixed pace; the
//! evaluation ends once it has seen as many ticks as it was given.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use wasmtime::EngineWeak;

/// The time between two ticks of the epoch.
const PACE: Duration = Duration::from_millis(10);

/// Increments the epoch of an engine while evaluations run.
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

/// Keeps the epoch ticking while it lives.
pub(super) struct Running<'a>(&'a Shared);

impl Ticker {
    pub(super) fn new(engine: EngineWeak) -> Self {
        Self {
            engine,
            shared: Arc::default(),
        }
    }

    /// Returns the number of ticks for a duration.
    pub(super) fn ticks(time: Duration) -> u64 {
        u64::try_from(time.as_millis().div_ceil(PACE.as_millis()))
            .unwrap_or(u64::MAX / 2)
            .max(1)
    }

    /// Starts the ticking.
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
    fn rounds_a_duration_up_to_at_least_one_tick() {
        assert_eq!(Ticker::ticks(Duration::from_secs(30)), 3_000);
        assert_eq!(Ticker::ticks(Duration::from_millis(11)), 2);
        assert_eq!(Ticker::ticks(Duration::ZERO), 1);
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
