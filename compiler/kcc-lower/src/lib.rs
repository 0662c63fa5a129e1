//! From the checked model to the objects of an engine.
//!
//! [`lower`] takes a `CheckedModel` and gives the [`Desired`] state of one
//! target; `emit` alone writes YAML. Same input, same bytes.

mod desired;
pub mod docker;
pub mod kubernetes;

pub use desired::{Desired, DesiredComponent, EngineDesired};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Hex SHA-256 of a value as JSON; maps are ordered, so it is canonical.
pub(crate) fn hash<T: Serialize>(value: &T) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
