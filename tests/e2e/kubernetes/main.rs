//! The examples on a real Kubernetes, through the real binary. The shop: three
//! teams' fragments come up in order as real pods, stay, change and go. Every
//! example: the cluster takes what is rendered of it. See `bed.rs` for when it
//! runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod bed;
mod cases;
mod cluster;
mod connections;
mod example;
mod operators;
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
            example.is_taken_by_the_cluster(bed);
        })
    });
    let operators = Case::new("what_operators_define_is_taken_and_stays", |bed| {
        operators::what_operators_define_is_taken_and_stays(bed);
    });
    // Each case brings up a whole system.
    trials::run(
        || bed::Bed::find(root),
        Some(2),
        shop.chain(examples).chain([operators]),
    )
}
