//! Runs cases on an engine that is found or started for them.

use std::{
    process::ExitCode,
    sync::{Arc, PoisonError, RwLock},
};

use libtest_mimic::{Arguments, Trial};

/// A named case on a testbed `B`.
pub struct Case<B> {
    name: String,
    run: Box<dyn FnOnce(Arc<B>) + Send>,
    /// True if it disturbs all others.
    alone: bool,
}

impl<B> Case<B> {
    /// Names a case.
    pub fn new(name: impl Into<String>, run: impl FnOnce(Arc<B>) + Send + 'static) -> Self {
        let (name, run) = (name.into(), Box::new(run));
        Self {
            name,
            run,
            alone: false,
        }
    }

    /// Lets no other case run beside it.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }
}

/// Held by every case that runs, and by one that runs alone for itself.
static TURN: RwLock<()> = RwLock::new(());

/// Runs cases, at most `threads` concurrently unless the command line says
/// otherwise. Without a testbed they count as ignored. The testbed is dropped last.
pub fn run<B: Send + Sync + 'static>(
    find: impl FnOnce() -> Option<B>,
    threads: Option<usize>,
    cases: impl Iterator<Item = Case<B>>,
) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(threads);
    let testbed = if arguments.list { None } else { find() };
    let testbed = testbed.map(Arc::new);
    let trial = |Case { name, run, alone }| match testbed.clone() {
        Some(testbed) => Trial::test(name, move || {
            if alone {
                let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
                run(testbed);
            } else {
                let _turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
                run(testbed);
            }
            Ok(())
        }),
        None => Trial::test(name, || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&arguments, cases.map(trial).collect()).exit_code()
}
