//! [`Revision`]: a revision as it is read from a store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kcc_lock::Digest;
use kcc_lower::Lowered;

use super::{
    Content, ContentHash, Entry, Fragments, HistoryNow, RecordedOutcome,
    header::{self, Kind},
    history::Result as EntryResult,
    manifest::{Base, Manifest},
    pack::Pack,
};
use crate::{BlobSource, Error, record::damaged};

/// A revision with everything that it consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The person, the time and the sources.
    pub manifest: Manifest,
    /// The desired state with its provenance.
    pub content: Content,
}

impl Revision {
    /// Reads the revision of a manifest.
    pub async fn load<S: BlobSource>(store: &S, manifest: &Digest) -> Result<Self, Error> {
        let manifest = load_manifest(store, manifest).await?;
        let number = manifest.number;
        let base: Base = load(store, &manifest.base, Kind::Base, number).await?;
        let located = manifest.components(&base);
        let mut packs: HashMap<usize, Pack> = HashMap::new();
        let used = located.values().chain([&manifest.shared]);
        let used: std::collections::BTreeSet<usize> = used.map(|located| located.pack).collect();
        let broken = || {
            damaged(&format!(
                "revision {number} names a record that is not there"
            ))
        };
        for pack in used {
            let digest = manifest.packs.get(pack).ok_or_else(broken)?;
            packs.insert(pack, load(store, digest, Kind::Pack, number).await?);
        }
        let mut components = BTreeMap::new();
        for (name, located) in located {
            let pack = packs.get_mut(&located.pack).ok_or_else(broken)?;
            let record = pack.components.remove(&name).ok_or_else(broken)?;
            components.insert(name, record);
        }
        let shared = packs.get_mut(&manifest.shared.pack).ok_or_else(broken)?;
        let shared = shared.shared.take().ok_or_else(broken)?;
        let content = Content {
            repositories: manifest.repositories.clone(),
            fragments: manifest.fragments(&base),
            shared,
            components,
        };
        Ok(Self { manifest, content })
    }

    /// Returns the desired state, with the sources of the fields of its objects.
    pub fn lowered(&self) -> Arc<Lowered> {
        Arc::new(self.content.lowered(&self.manifest.scope))
    }
}

/// A revision that a user asked for.
#[derive(Debug, Clone)]
pub struct FoundRevision {
    /// The history that it is in.
    pub history: HistoryNow,
    /// Its entry in the history.
    pub entry: Entry,
    /// The revision.
    pub revision: Revision,
    /// The revision before it, if that is retained.
    pub parent: Option<Revision>,
    /// The details of its outcome; none if it was interrupted, or still runs.
    pub outcome: Option<RecordedOutcome>,
}

/// Reads the details of an outcome.
pub async fn load_outcome<S: BlobSource>(
    store: &S,
    number: u64,
    result: &EntryResult,
) -> Result<RecordedOutcome, Error> {
    let blob = store.fetch(&result.details).await?;
    let blob = blob.ok_or_else(|| missing(number, &result.details))?;
    RecordedOutcome::parse(&blob)
}

/// Returns the hash of a component's record in a revision; none if it has no such
/// component.
pub(crate) async fn hash_of<S: BlobSource>(
    store: &S,
    manifest: &Digest,
    component: &str,
) -> Result<Option<ContentHash>, Error> {
    let manifest = load_manifest(store, manifest).await?;
    let base: Base = load(store, &manifest.base, Kind::Base, manifest.number).await?;
    let mut components = manifest.components(&base);
    Ok(components.remove(component).map(|located| located.hash))
}

/// Returns the digests of the fragments of a revision.
pub(crate) async fn fragments_of<S: BlobSource>(
    store: &S,
    manifest: &Digest,
) -> Result<Fragments, Error> {
    let manifest = load_manifest(store, manifest).await?;
    let base: Base = load(store, &manifest.base, Kind::Base, manifest.number).await?;
    Ok(manifest.fragments(&base))
}

/// Reads a manifest.
pub(super) async fn load_manifest<S: BlobSource>(
    store: &S,
    digest: &Digest,
) -> Result<Manifest, Error> {
    let blob = store.fetch(digest).await?;
    let missing = || {
        damaged(&format!(
            "the manifest `{digest}` of a revision is not there"
        ))
    };
    header::parse(&blob.ok_or_else(missing)?, Kind::Manifest)
}

/// Reads another blob of a revision.
pub(super) async fn load<S: BlobSource, T: serde::de::DeserializeOwned>(
    store: &S,
    digest: &Digest,
    kind: Kind,
    number: u64,
) -> Result<T, Error> {
    let blob = store.fetch(digest).await?;
    header::parse(&blob.ok_or_else(|| missing(number, digest))?, kind)
}

fn missing(number: u64, digest: &Digest) -> Error {
    damaged(&format!(
        "blob `{digest}` of revision {number} is not there"
    ))
}
