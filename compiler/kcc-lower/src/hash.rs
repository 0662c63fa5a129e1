//! Content hashes: a name or label with one changes when what it covers changes.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Returns the hex SHA-256 of a value as JSON, which is canonical because maps are
/// ordered.
pub fn of_json<T: Serialize>(value: &T) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut hash = String::new();
    for byte in Sha256::digest(&bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}
