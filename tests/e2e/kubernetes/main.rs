//! Tests the examples on a real Kubernetes cluster through the real binary. The
//! shop: three teams' fragments come up in order as real pods, stay, change and are
//! taken down. Every example: the cluster accepts its rendered files. `testbed.rs`
//! says when the tests run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod cases;
mod cluster;
mod connections;
mod example;
mod operators;
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
            example.is_accepted_by_the_cluster(testbed);
        })
    });
    let operators = Case::new("custom_resources_are_accepted_and_stable", |testbed| {
        operators::custom_resources_are_accepted_and_stable(testbed);
    });
    // Each case brings up a whole system.
    trials::run(
        || testbed::Testbed::find(root),
        Some(2),
        shop.chain(examples).chain([operators]),
    )
}
