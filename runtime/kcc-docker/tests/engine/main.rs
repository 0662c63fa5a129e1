//! The Docker engine on a real daemon, with desired states made by hand. See
//! `bed.rs` for when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

#[path = "../../../../tests/e2e/docker/bed.rs"]
mod bed;
mod cases;
mod company;
#[path = "../../../../tests/e2e/support/components.rs"]
mod components;
mod container;
mod docker;
#[path = "../../../../tests/e2e/support/heard.rs"]
mod heard;
#[path = "../../../../tests/e2e/support/place.rs"]
mod place;
#[path = "../../../../tests/e2e/support/trials.rs"]
mod trials;

use std::{path::Path, process::ExitCode};

use kcc_docker as engine;
use trials::Case;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let find = || {
        let bed = bed::Bed::find(&root)?;
        docker::make_images(&bed, &root);
        Some(bed)
    };
    let cases = cases::ALL.iter().map(|(name, case)| {
        Case::new(*name, move |bed| {
            let place = place::Place::new(bed, name);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(case(&place));
        })
    });
    trials::run(find, None, cases)
}
