//! The Kubernetes engine on a real cluster, with desired states made by hand.
//! See `bed.rs` for when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

#[path = "../../../../tests/e2e/kubernetes/bed.rs"]
mod bed;
mod cases;
#[path = "../../../../tests/e2e/support/components.rs"]
mod components;
#[path = "../../../../tests/e2e/support/heard.rs"]
mod heard;
mod kubernetes;
#[path = "../../../../tests/e2e/support/place.rs"]
mod place;
#[path = "../../../../tests/e2e/support/trials.rs"]
mod trials;

use std::{path::Path, process::ExitCode};

use kcc_kube as engine;
use trials::Case;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let find = || {
        let bed = bed::Bed::find(&root)?;
        bed.shop_image(kubernetes::IMAGE);
        bed.shop_image(kubernetes::OTHER);
        Some(bed)
    };
    let cases = cases::ALL.iter().map(|(name, case)| {
        Case::new(*name, move |bed| {
            let place = place::Place::new(bed, name);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(case(&place));
        })
    });
    // Most of their time they wait.
    trials::run(find, Some(4), cases)
}
