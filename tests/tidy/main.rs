//! The rules of the repository as tests: dependencies between crates, restrictions
//! on pure code, the English of comments and messages, and references from prose,
//! codes, schema and recipes to the code.
//!
//! Each file checks one rule over plain values, and a test of its own shows that it
//! finds violations.

#![allow(
    clippy::unwrap_used,
    reason = "an unreadable repository should fail with a location"
)]

mod codes;
mod cycles;
mod docs;
mod english;
mod fail_points;
mod files;
mod purity;
mod schemas;
mod source;
mod walls;

/// Fails if there are complaints, and lists them one per line.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
