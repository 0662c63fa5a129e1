//! Tests the Kubernetes engine on a real cluster with desired states made by hand.
//! `kcc_test_engines::kubernetes` says when they run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod cases;
mod kubernetes;
mod recordings;
mod scenarios;

use std::{fs, process::ExitCode, sync::Arc};

use kcc_test_engines::{
    Host as _,
    kubernetes::Testbed,
    trials::{self, Case},
};

fn main() -> ExitCode {
    let find = || {
        let testbed = Testbed::find()?;
        testbed.shop_image(kubernetes::IMAGE);
        testbed.shop_image(kubernetes::OTHER);
        let files = tempfile::tempdir().unwrap();
        fs::copy("/bin/busybox", files.path().join("busybox")).unwrap();
        testbed.image(kubernetes::BOX, files.path(), &["/busybox"]);
        Some(kubernetes::Kubernetes(testbed))
    };
    let cases = cases::ALL.iter().map(|(name, case)| {
        Case::new(*name, move |testbed| {
            let sandbox = kubernetes::Sandbox::new(testbed, name);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(case(&sandbox));
        })
    });
    let recording = Case::new(
        "causes_are_recorded",
        |testbed: Arc<kubernetes::Kubernetes>| {
            recordings::record(&testbed);
        },
    );
    // A recording marks the node, and takes minutes.
    let recording = std::env::var_os("KCC_UPDATE").map(|_| recording.alone());
    let cases = cases.chain(recording);
    // The cases mostly wait.
    trials::run(find, Some(4), cases)
}
