//! Tests the Kubernetes engine on a real cluster with desired states made by hand.
//! `testbed.rs` says when they run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod cases;
#[path = "../../../../tests/e2e/support/components.rs"]
mod components;
mod kubernetes;
#[path = "../../../../tests/e2e/support/recorder.rs"]
mod recorder;
#[path = "../../../../tests/e2e/support/sandbox.rs"]
mod sandbox;
#[path = "../../../../tests/e2e/kubernetes/testbed.rs"]
mod testbed;
#[path = "../../../../tests/e2e/support/trials.rs"]
mod trials;

use std::{path::Path, process::ExitCode};

use kcc_kube as engine;
use trials::Case;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let find = || {
        let testbed = testbed::Testbed::find(&root)?;
        testbed.shop_image(kubernetes::IMAGE);
        testbed.shop_image(kubernetes::OTHER);
        Some(testbed)
    };
    let cases = cases::ALL.iter().map(|(name, case)| {
        Case::new(*name, move |testbed| {
            let sandbox = sandbox::Sandbox::new(testbed, name);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(case(&sandbox));
        })
    });
    // The cases mostly wait.
    trials::run(find, Some(4), cases)
}
