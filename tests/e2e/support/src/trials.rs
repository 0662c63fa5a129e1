//! Runs cases on an engine that is found or started for them.

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};

/// A named case on a testbed `B`.
pub struct Case<B> {
    name: String,
    run: Box<dyn FnOnce(Arc<B>) + Send>,
}

impl<B> Case<B> {
    /// Names a case.
    pub fn new(name: impl Into<String>, run: impl FnOnce(Arc<B>) + Send + 'static) -> Self {
        let (name, run) = (name.into(), Box::new(run));
        Self { name, run }
    }
}

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
    let trial = |Case { name, run }| match testbed.clone() {
        Some(testbed) => Trial::test(name, move || {
            run(testbed);
            Ok(())
        }),
        None => Trial::test(name, || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&arguments, cases.map(trial).collect()).exit_code()
}
