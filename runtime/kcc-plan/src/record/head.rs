//! [`Head`]: the part of a record that changes. Everything else are blobs, which it
//! names.

use std::time::Duration;

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use serde::{Deserialize, Serialize};

use super::{blob::damaged, holder::Holder};
use crate::Error;

/// The format of heads and of what they name. A kcc reads this one and the one before
/// it, and changes nothing in a record with a later one. Format 1 has no history, and a
/// kcc that knows only that format would drop it.
pub(super) const FORMAT: u32 = 2;

/// The time for which a lock is held without being renewed.
const LEASE: Duration = Duration::from_secs(20);

/// The head of a scope's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) format: u32,
    /// The number of times that the lock was taken.
    pub(super) epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lock: Option<Holder>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) inventory: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) intent: Option<Digest>,
    /// The revisions. It may be long, and the head is replaced every few seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<Digest>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            format: FORMAT,
            epoch: 0,
            lock: None,
            inventory: None,
            intent: None,
            history: None,
        }
    }
}

impl Head {
    /// Reads a stored head; without one the record is empty.
    pub(super) fn parse(bytes: Option<&[u8]>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Some(bytes) = bytes else {
            return Ok(Self::default());
        };
        let broken = |error: serde_json::Error| damaged(&format!("its head: {error}"));
        let Format { format } = serde_json::from_slice(bytes).map_err(broken)?;
        if format > FORMAT {
            let message = format!(
                "the target's record has format {format}, and this kcc reads formats up to {FORMAT}"
            );
            return Err(Error::new(Code::StateNewer, message)
                .help("use the version of kcc that others use on this target, or a later one"));
        }
        let head: Self = serde_json::from_slice(bytes).map_err(broken)?;
        Ok(Self {
            format: FORMAT,
            ..head
        })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        // A plain struct always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Lets the lock end one lease from now.
    pub(super) fn renew(&mut self, now: Timestamp) {
        if let Some(lock) = &mut self.lock {
            lock.until = now + LEASE;
        }
    }

    /// Returns true if there is nothing to remember. A history by itself is nothing: with
    /// the last object goes the record.
    pub(super) fn is_empty(&self) -> bool {
        self.inventory.is_none() && self.intent.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_over_the_format_before() {
        let before = br#"{"format": 1, "epoch": 7}"#;
        let head = Head::parse(Some(before)).unwrap();
        assert_eq!((head.format, head.epoch), (FORMAT, 7));
    }

    #[test]
    fn refuses_a_later_format() {
        let later = br#"{"format": 3, "inventory": {"in": "another form"}}"#;
        let error = Head::parse(Some(later)).unwrap_err();
        assert_eq!(error.code, Code::StateNewer);
        assert_eq!(
            error.message,
            "the target's record has format 3, and this kcc reads formats up to 2"
        );
    }

    #[test]
    fn takes_no_damaged_head_for_an_empty_one() {
        for bytes in [&b""[..], b"{", b"{}", b"null", br#"{"format": 1}"#] {
            let error = Head::parse(Some(bytes)).unwrap_err();
            assert_eq!(error.code, Code::StateDamaged);
        }
        assert!(Head::parse(None).unwrap().is_empty());
    }
}
