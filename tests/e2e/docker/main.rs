//! The examples on a real Docker engine, through the real binary. The shop: three
//! teams' fragments come up in order, stay, change, heal and go. Every other
//! example: it comes up, stays and goes. See `bed.rs` for when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod bed;
mod cases;
mod example;
mod shop;

use std::{path::Path, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bed = if arguments.list {
        None
    } else {
        bed::Bed::find(root)
    };
    let Some(bed) = bed else {
        let names = cases::ALL.iter().map(|(name, _)| (*name).to_owned());
        let names = names.chain(example::ALL.iter().map(example::Example::case));
        let ignored = |name| Trial::test(name, || Ok(())).with_ignored_flag(true);
        return libtest_mimic::run(&arguments, names.map(ignored).collect()).exit_code();
    };
    let bed: &'static bed::Bed = Box::leak(Box::new(bed));
    shop::make_images(bed, root);
    // Each case brings up a whole system.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let trial = |(name, case): &(&'static str, cases::Case)| {
        let (name, case) = (*name, *case);
        Trial::test(name, move || {
            case(&shop::Shop::new(bed, name));
            Ok(())
        })
    };
    let example = |one: &'static example::Example| {
        Trial::test(one.case(), move || {
            one.comes_up_stays_and_goes(bed);
            Ok(())
        })
    };
    let trials = cases::ALL.iter().map(trial);
    let trials = trials.chain(example::ALL.iter().map(example));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    bed.end();
    conclusion.exit_code()
}
