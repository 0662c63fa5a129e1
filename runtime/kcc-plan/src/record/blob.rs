//! [`Blob`]: immutable bytes that are named by their digest.

use std::io::Read;

use kcc_diag::Code;
use kcc_lock::Digest;
use ruzstd::{
    decoding::StreamingDecoder,
    encoding::{CompressionLevel, compress_to_vec},
};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// The most bytes of one blob: far more than any inventory has, and far less than a
/// machine's memory.
const LIMIT: u64 = 512 << 20;

/// Immutable bytes that are named by their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Blob {
    /// Names some bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let digest = Digest::from_sha256(Sha256::digest(&bytes).into());
        Self { digest, bytes }
    }

    /// Returns the name.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes without their name.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the bytes, compressed with Zstandard.
    pub fn packed(&self) -> Vec<u8> {
        compress_to_vec(self.bytes.as_slice(), CompressionLevel::Fastest)
    }

    /// Reverses [`Blob::packed`], and fails if the bytes are not those of the name.
    pub fn unpack(digest: &Digest, packed: &[u8]) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let unpacked = StreamingDecoder::new(packed)
            .map_err(|error| error.to_string())
            .and_then(|decoder| {
                let read = decoder.take(LIMIT).read_to_end(&mut bytes);
                read.map_err(|error| error.to_string())
            });
        match unpacked {
            Ok(_) => Self::new(bytes).verified(digest),
            Err(why) => Err(damaged(&format!(
                "blob `{digest}` cannot be unpacked: {why}"
            ))),
        }
    }

    /// Fails if the bytes are not those of the name.
    pub fn verified(self, digest: &Digest) -> Result<Self, Error> {
        if self.digest == *digest {
            return Ok(self);
        }
        Err(damaged(&format!(
            "blob `{digest}` has the content of `{}`",
            self.digest
        )))
    }
}

/// Describes a record that was changed or removed in part.
pub(crate) fn damaged(why: &str) -> Error {
    Error::new(
        Code::StateDamaged,
        format!("the target's record is damaged: {why}"),
    )
    .help("rebuild it from what runs with `kcc recover`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_packing() {
        for bytes in [Vec::new(), b"{}".to_vec(), b"abc ".repeat(100_000)] {
            let blob = Blob::new(bytes);
            assert_eq!(Blob::unpack(blob.digest(), &blob.packed()).unwrap(), blob);
        }
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Blob::new(Vec::new()).digest().as_str(), empty);
    }

    #[test]
    fn notices_damage() {
        let blob = Blob::new(b"inventory".repeat(100));
        let mut packed = blob.packed();
        let middle = packed.len() / 2;
        packed[middle] ^= 1;
        let other = Blob::new(Vec::new());
        for (digest, packed) in [
            (blob.digest(), packed.as_slice()),
            (blob.digest(), &[]),
            (other.digest(), &blob.packed()),
        ] {
            let error = Blob::unpack(digest, packed).unwrap_err();
            assert_eq!(error.code, Code::StateDamaged);
        }
    }
}
