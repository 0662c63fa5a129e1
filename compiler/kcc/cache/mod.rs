//! The cache: results of earlier runs, by the content of everything that they depend on.
//!
//! [`Store`] keeps bytes under keys. The evaluator keeps its answers there
//! ([`crate::evaluation`]), and `kcc check` whole outcomes ([`outcome`]), so that a check
//! of what did not change reads and hashes files and does nothing else.
//!
//! A key is a hash, so nothing here is ever out of date: what changes gets another key,
//! and the old entry stays until it is the least recently used one. The answers about
//! files that only the fragments name are not in the key of an outcome; they are recorded
//! with it, and compared when it is looked up.

pub mod outcome;
mod store;

pub use outcome::CachedOutcome;
pub use store::Store;
