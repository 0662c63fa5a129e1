//! Reads the facts about an image, for `kcc lock`: from its registry, or from the
//! Docker engine if the registry does not have it.
//!
//! [`Reader::read`] takes a reference and returns its [`ImageFacts`]. The only user
//! of a registry's API. Of an image it reads the index, the manifest, the
//! configuration, and as much of its layers as a question needs: a user's name is
//! resolved by the image's `/etc/passwd` and `/etc/group`, and the owner of a
//! directory is in no other place. [`layers`] stops at the answer, and gives up at
//! a limit, so that a fact stays unknown rather than wrong.

mod answer;
mod config;
mod engine;
mod error;
mod identity_token;
mod layers;
mod passwd;
mod reader;
mod registry;
mod stream;

pub use reader::{Answers, Moved, Question, Reader, Source};
