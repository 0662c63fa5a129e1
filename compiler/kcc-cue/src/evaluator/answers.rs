//! [`Answers`]: answers of the guest that the caller keeps from one run to the next.

use std::fmt::{Debug, Write as _};

use sha2::{Digest, Sha256};

/// A store of the guest's answers. It may forget any of them, and must return one only as it was
/// put.
pub trait Answers: Send + Sync {
    /// Returns the answer that was put under a key.
    fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Stores an answer.
    fn put(&self, key: &str, answer: &[u8]);
}

/// Returns the key of a request to a guest: the hash of all that its answer depends on. The budget
/// is part of it, so that a stricter limit is not met with an answer that exceeded it.
pub(super) fn key(guest: &str, request: &[u8], budget: &impl Debug) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("answer {guest} {budget:?}\n"));
    hash.update(request);
    let mut key = String::new();
    for byte in hash.finalize() {
        let _ = write!(key, "{byte:02x}");
    }
    key
}
