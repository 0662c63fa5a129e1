//! What the end-to-end tests of both engines share. What the tests of each
//! engine crate alone share lies here as well.

mod copy;
pub(crate) mod http;
pub(crate) mod shop;
mod system;
pub(crate) mod trials;

pub(crate) use copy::{Copy, outcome, report};
pub(crate) use system::{Host, System, initials};
