//! Real engines for tests: [`docker`] and [`kubernetes`] find or start one,
//! [`trials`] runs cases on it.
//!
//! The tests of the engines' crates draft desired states and apply them in a
//! [`Sandbox`]. The end-to-end tests run the real binary on a [`System`], a copy of an
//! example; [`shop`] and [`history`] have what the shop has
//! to do on either engine. [`registry`] starts a
//! registry for images. [`desired`] builds components for tests without an engine, and
//! [`store`] checks a store of records, [`layout`] what one leaves in a directory.
//!
//! Only tests depend on this crate. It depends on the plan, but on no engine's crate,
//! so that those can test with it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests panic when the machine fails, and report what they skip"
)]

pub mod archive;
pub mod canary;
pub mod causes;
pub mod desired;
pub mod docker;
pub mod drift;
mod example;
pub mod forwarding;
pub mod history;
mod host_directory;
mod http;
pub mod incidents;
pub mod kills;
pub mod kubernetes;
pub mod layout;
mod recorder;
pub mod registry;
mod sandbox;
pub mod shop;
pub mod simulation;
pub mod store;
mod system;
pub mod timeline;
pub mod trials;

/// Ends a process by a signal that it cannot handle, and waits until it has ended.
fn kill(process: &str) {
    let sent = std::process::Command::new("kill")
        .args(["-KILL", process])
        .status();
    assert!(sent.unwrap().success());
    let state = std::path::Path::new("/proc").join(process).join("stat");
    // Nobody may wait for it, so that it stays as a zombie.
    while std::fs::read_to_string(&state).is_ok_and(|text| !text.contains(") Z ")) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

pub use example::{ExampleCopy, outcome, report};
pub use host_directory::HostDirectory;
pub use http::{get, get_within};
pub use recorder::Recorder;
pub use sandbox::{Draft, Ran, Sandbox, TestedEngine};
pub use system::{Host, SHELL, System, initials};
