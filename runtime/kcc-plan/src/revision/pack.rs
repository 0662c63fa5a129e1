//! [`Pack`]: records of components in one blob. They are much alike, so that together they
//! compress well.

use std::collections::BTreeMap;

use kcc_model::Name;
use serde::{Deserialize, Serialize};

use super::{
    RecordedComponent, Shared,
    header::{Header, Kind},
    manifest::ContentHash,
};
use crate::Blob;

/// Records of components, as they are read.
#[derive(Debug, Deserialize)]
pub(super) struct Pack {
    pub(super) components: BTreeMap<Name, RecordedComponent>,
    pub(super) shared: Option<Shared>,
}

/// A record as bytes, which are hashed and stored.
pub(super) struct Encoded {
    json: String,
    pub(super) hash: ContentHash,
}

impl Encoded {
    pub(super) fn of<T: Serialize>(record: &T) -> Self {
        // Plain structs with text keys always serialise.
        let json = serde_json::to_string(record).unwrap_or_default();
        Self {
            hash: ContentHash::of(json.as_bytes()),
            json,
        }
    }
}

/// Joins records to a pack. They are JSON already, and serialising them once more would
/// take as long as the first time.
pub(super) fn join<'a>(
    components: impl Iterator<Item = (&'a Name, &'a Encoded)>,
    shared: Option<&Encoded>,
) -> Blob {
    let header = Encoded::of(&Header::new(Kind::Pack)).json;
    let mut json = header.trim_end_matches('}').to_owned();
    json.push_str(",\"components\":{");
    for (at, (name, record)) in components.enumerate() {
        if at > 0 {
            json.push(',');
        }
        json.push_str(&Encoded::of(name).json);
        json.push(':');
        json.push_str(&record.json);
    }
    json.push_str("},\"shared\":");
    json.push_str(shared.map_or("null", |shared| &shared.json));
    json.push('}');
    Blob::new(json.into_bytes())
}
