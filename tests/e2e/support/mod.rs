//! Support for the end-to-end tests of both engines. The files that are not
//! modules here are shared by the tests of the engine crates.

mod copy;
pub(crate) mod http;
pub(crate) mod shop;
mod system;
pub(crate) mod trials;

pub(crate) use copy::{ExampleCopy, outcome, report};
pub(crate) use system::{Host, System, initials};
