//! The only user of a registry's API: reads facts about images, and keeps archives.
//!
//! [`Reader::read`] takes a reference and returns its [`ImageFacts`], for `kcc lock`:
//! from its registry, or from the Docker engine if the registry does not have it. Of an
//! image it reads the index, the manifest, the configuration, and as much of its layers
//! as a question needs: a user's name is resolved by the image's `/etc/passwd` and
//! `/etc/group`, and the owner of a directory is in no other place. [`layers`] stops at
//! the answer, and gives up at a limit, so that a fact stays unknown rather than wrong.
//!
//! [`RegistryArchive`] keeps artifacts in a repository. Both use the logins of the
//! docker command.

mod answer;
mod archive;
mod config;
mod engine;
mod error;
mod identity_token;
mod layers;
mod passwd;
mod reader;
mod registry;
mod remote;
mod stream;

pub use archive::RegistryArchive;
pub use reader::{Answers, Moved, Question, Reader, Source};
