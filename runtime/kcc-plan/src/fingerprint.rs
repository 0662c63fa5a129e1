//! [`Fingerprint`]: the hash of a payload.

use kcc_lower::content_hash;
use serde::{Deserialize, Serialize};

/// The hash of a payload, which stands for it outside the engine's crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Computes the fingerprint of a payload.
    pub fn of<P: Serialize>(payload: &P) -> Self {
        Self(content_hash(payload))
    }
}
