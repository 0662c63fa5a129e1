//! The Kubernetes engine on a real cluster, with desired states made by hand.
//! See `bed.rs` for when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

#[path = "../../../../tests/e2e/kubernetes/bed.rs"]
mod bed;
mod cases;
mod place;

use std::{path::Path, process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let bed = if arguments.list {
        None
    } else {
        bed::Bed::find(&root)
    };
    let Some(bed) = bed else {
        let ignored =
            |(name, _): &(&'static str, _)| Trial::test(*name, || Ok(())).with_ignored_flag(true);
        return libtest_mimic::run(&arguments, cases::ALL.iter().map(ignored).collect())
            .exit_code();
    };
    let bed = Arc::new(bed);
    bed.shop_image(place::IMAGE);
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let trials = cases::ALL.iter().map(|(name, case)| {
        let bed = Arc::clone(&bed);
        Trial::test(*name, move || {
            let place = place::Place::new(bed, name);
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(case(&place));
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Last of all: the cases are done with it.
    drop(bed);
    conclusion.exit_code()
}
