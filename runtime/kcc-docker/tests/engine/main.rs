//! Tests the Docker engine on a real daemon with desired states made by hand.
//! `kcc_test_engines::docker` says when they run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod cases;
mod docker;
mod sidecars;

use std::process::ExitCode;

use kcc_test_engines::{
    docker::Testbed,
    trials::{self, Case},
};

fn main() -> ExitCode {
    let find = || {
        let testbed = Testbed::find()?;
        docker::make_images(&testbed);
        Some(docker::Docker(testbed))
    };
    let cases = cases::ALL.iter().map(|(name, case)| {
        Case::new(*name, move |testbed| {
            let sandbox = docker::Sandbox::new(testbed, name);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(case(&sandbox));
        })
    });
    trials::run(find, None, cases)
}
