//! The rules of the repository, as tests: what may depend on what, what pure
//! code may not do, and that prose, codes, schema and recipes keep up with the
//! code. Each file holds one rule over plain values and shows that it can fail.

#![allow(
    clippy::unwrap_used,
    reason = "a repository that cannot be read should say where"
)]

mod codes;
mod docs;
mod purity;
mod schemas;
mod sizes;
mod source;
mod walls;

/// Fails with every complaint, one a line.
#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
