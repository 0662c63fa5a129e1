//! Cases on an engine that is found, or started, for them.

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};

/// A case by name, on a bed `B`.
pub(crate) struct Case<B> {
    name: String,
    run: Box<dyn FnOnce(Arc<B>) + Send>,
}

impl<B> Case<B> {
    pub(crate) fn new(name: impl Into<String>, run: impl FnOnce(Arc<B>) + Send + 'static) -> Self {
        let (name, run) = (name.into(), Box::new(run));
        Self { name, run }
    }
}

/// Runs cases, at most `threads` at once if the command line does not say it.
/// Where no bed is found they count as ignored. The bed goes last of all.
pub(crate) fn run<B: Send + Sync + 'static>(
    find: impl FnOnce() -> Option<B>,
    threads: Option<usize>,
    cases: impl Iterator<Item = Case<B>>,
) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(threads);
    let bed = if arguments.list { None } else { find() };
    let bed = bed.map(Arc::new);
    let trial = |Case { name, run }| match bed.clone() {
        Some(bed) => Trial::test(name, move || {
            run(bed);
            Ok(())
        }),
        None => Trial::test(name, || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&arguments, cases.map(trial).collect()).exit_code()
}
