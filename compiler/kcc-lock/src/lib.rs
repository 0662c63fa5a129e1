//! The file `kcc.lock`: what kcc knows about images, by their reference.
//!
//! [`Lock::parse`] and [`Lock::to_text`] are the only reader and writer of the
//! file, which is YAML with a version. The same facts always give the same bytes.
//! Facts are read from a registry or an engine by `kcc-image`; everything else in
//! kcc takes them from the file, so that a command needs no registry.

mod facts;
mod file;

pub use facts::{
    DIGEST_HEX, Digest, Directory, DirectoryFacts, ExposedPort, HealthFacts, ImageFacts, Images,
    NoDirectory, Platform,
};
pub use file::{Invalid, LOCK_FILE, Lock};
