//! The Docker engine on a real daemon, with desired states made by hand. See
//! `bed.rs` for when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

#[path = "../../../../tests/e2e/docker/bed.rs"]
mod bed;
mod cases;
mod place;

use std::{path::Path, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if arguments.list {
        return libtest_mimic::run(&arguments, Vec::new()).exit_code();
    }
    let Some(bed) = bed::Bed::find(&root) else {
        return libtest_mimic::run(&arguments, ignored()).exit_code();
    };
    let bed: &'static bed::Bed = Box::leak(Box::new(bed));
    place::make_images(bed, &root);
    let trials = cases::ALL.iter().map(|(name, case)| {
        Trial::test(*name, move || {
            let place = place::Place::new(bed, name);
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(case(&place));
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    bed.end();
    conclusion.exit_code()
}

/// The tests by name, so that what is skipped is counted.
fn ignored() -> Vec<Trial> {
    let ignored =
        |(name, _): &(&'static str, _)| Trial::test(*name, || Ok(())).with_ignored_flag(true);
    cases::ALL.iter().map(ignored).collect()
}
