//! The examples on a real Docker engine, through the real binary. The shop: three
//! teams' fragments come up in order, stay, change, heal and go. Every other
//! example: it comes up, stays and goes. See `bed.rs` for when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod bed;
mod cases;
mod engine;
mod example;
mod shop;
#[path = "../support/mod.rs"]
mod support;

use std::{path::Path, process::ExitCode};

use support::trials::{self, Case};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = cases::ALL
        .iter()
        .map(|(name, case)| Case::new(*name, move |bed| case(&shop::Shop::new(bed, name))));
    let examples = example::ALL.iter().map(|example| {
        Case::new(example.case(), move |bed| {
            example.comes_up_stays_and_goes(bed);
        })
    });
    // Each case brings up a whole system.
    trials::run(|| bed::Bed::find(root), Some(2), shop.chain(examples))
}
