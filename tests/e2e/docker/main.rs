//! Tests the examples on a real Docker engine through the real binary. The shop:
//! three teams' fragments come up in order, stay, change, heal and are taken down.
//! Every other example comes up, stays and is taken down. `testbed.rs` says when
//! the tests run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod cases;
mod engine;
mod example;
mod shop;
#[path = "../support/mod.rs"]
mod support;
mod testbed;

use std::{path::Path, process::ExitCode};

use support::trials::{self, Case};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = cases::ALL
        .iter()
        .map(|(name, case)| Case::new(*name, move |testbed| case(&shop::Shop::new(testbed, name))));
    let examples = example::ALL.iter().map(|example| {
        Case::new(example.case(), move |testbed| {
            example.comes_up_and_is_removed(testbed);
        })
    });
    // Each case brings up a whole system.
    trials::run(
        || testbed::Testbed::find(root),
        Some(2),
        shop.chain(examples),
    )
}
