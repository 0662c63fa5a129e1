//! Support for the tests of all crates: case files, temporary directories, golden
//! files, documents with examples, runs of the real binary, and configuration trees.
//!
//! Only tests depend on this crate. It depends on nothing above the configuration
//! tree, so that crates which need no evaluator are tested without one. Everything
//! here panics when the machine fails; what a test is about is returned.
//!
//! A crate's unit tests cannot use what is made of the crate's own types: there
//! Cargo compiles the crate twice, and the types differ. Such tests are integration
//! tests.

#![allow(
    clippy::unwrap_used,
    reason = "tests panic when the machine fails, and say where"
)]

mod archive;
mod binary;
pub mod documents;
mod files;
pub mod golden;
pub mod tree;

use std::path::Path;

pub use archive::Archive;
pub use binary::{CommandOutput, binary, isolated, kcc};
pub use files::{FilesOfFolder, directory_with, files_below, write};

/// Returns the root of the repository.
pub fn root() -> &'static Path {
    // Two directories above this crate's.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
}
