//! [`Header`]: the beginning of every blob of a history. It says how to read the rest.

use kcc_diag::Code;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Blob, Error, record::damaged};

/// The version of the format of all blobs of a history. A kcc reads this one and the one
/// before it.
const FORMAT: u32 = 1;

/// The kind of a blob, and the version of its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    kind: Kind,
    format: u32,
}

/// The kind of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    History,
    Manifest,
    Base,
    Pack,
    Outcome,
}

impl Header {
    /// Returns the header of a new blob.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            format: FORMAT,
        }
    }

    /// Reads a header; none if the bytes are something else.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns true if a blob is of this kind.
    pub(super) fn is(self, kind: Kind) -> bool {
        self.kind == kind
    }
}

/// Reads a blob of a history.
pub(super) fn parse<T: DeserializeOwned>(blob: &Blob, kind: Kind) -> Result<T, Error> {
    let digest = blob.digest();
    let header = Header::of(blob.bytes());
    let Some(header) = header.filter(|header| header.is(kind)) else {
        return Err(damaged(&format!(
            "blob `{digest}` is not part of a history"
        )));
    };
    if header.format > FORMAT {
        let message = format!(
            "the target's history has format {}, and this kcc reads formats up to {FORMAT}",
            header.format
        );
        return Err(Error::new(Code::StateNewer, message)
            .help("use the version of kcc that others use on this target, or a later one"));
    }
    serde_json::from_slice(blob.bytes())
        .map_err(|error| damaged(&format!("blob `{digest}`: {error}")))
}

/// Writes a blob of a history. Plain structs with text keys always serialise.
pub(super) fn blob<T: Serialize>(value: &T) -> Blob {
    Blob::new(serde_json::to_vec(value).unwrap_or_default())
}
