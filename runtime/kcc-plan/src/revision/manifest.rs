//! [`Manifest`]: the part of a revision that says who applied what, and where the rest is.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lock::Digest;
use kcc_model::Name;
use kcc_tree::Engine;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Clocks, header::Header};
use crate::{Scope, Who};

/// The digest of each fragment, by its path relative to the root.
pub type Fragments = BTreeMap<String, ContentHash>;

/// The first 128 bits of a SHA-256, in hexadecimal digits. They tell versions of one thing
/// apart; a blob has its whole digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Computes the hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = Digest::from_sha256(Sha256::digest(bytes).into());
        Self(hash.hex()[..32].to_owned())
    }
}

/// A revision without its packs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    #[serde(flatten)]
    pub(super) header: Header,
    /// The scope.
    pub scope: Scope,
    /// The engine of its objects.
    pub engine: Engine,
    /// The number, which counts up from 1 in a scope.
    pub number: u64,
    /// The number and manifest of the revision before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<(u64, Digest)>,
    /// The start of the apply.
    pub started: Clocks,
    /// The person or CI job that applied it.
    pub who: Who,
    /// The message of `kcc apply -m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The revision whose objects it applies again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_back_to: Option<u64>,
    /// The components that the apply was limited to; the others are as in the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<Name>>,
    /// kcc's version.
    pub kcc: String,
    /// The repositories that the fragments are in.
    pub repositories: Vec<Repository>,
    /// The packs. The first one is complete for the base, and later ones replace what is
    /// in it.
    pub(super) packs: Vec<Digest>,
    /// The blob with the tables of the first pack.
    pub(super) base: Digest,
    /// The components that differ from the base.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) changed: BTreeMap<Name, Located>,
    /// The components of the base that are gone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) removed: BTreeSet<Name>,
    /// The record of what belongs to no component.
    pub(super) shared: Located,
    /// The fragments that differ from the base.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) changed_fragments: Fragments,
    /// The fragments of the base that are gone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) removed_fragments: BTreeSet<String>,
}

/// The tables of a complete pack. They are not in each manifest, because hashes do not
/// compress: at a thousand components they would cost more than a change does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Base {
    #[serde(flatten)]
    pub(super) header: Header,
    pub(super) components: BTreeMap<Name, Located>,
    pub(super) fragments: Fragments,
}

/// A record in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Located {
    /// The owning team; empty for what belongs to no component.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) team: Name,
    /// The hash of the record.
    pub(super) hash: ContentHash,
    /// The pack, by its position in the manifest.
    pub(super) pack: usize,
}

/// A repository that fragments are in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// Its directory, relative to the system's root; empty if it contains the root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub directory: String,
    /// The URL of its remote, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The commit that is checked out; none before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch; none if the head is detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// True if files below the system's root differ from the commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dirty: bool,
}

impl Manifest {
    /// Returns the blobs that the revision consists of, its own excepted.
    pub fn blobs(&self) -> impl Iterator<Item = &Digest> {
        self.packs.iter().chain([&self.base])
    }

    /// Returns where the record of each component is.
    pub(super) fn components(&self, base: &Base) -> BTreeMap<Name, Located> {
        let mut components = base.components.clone();
        components.retain(|name, _| !self.removed.contains(name));
        components.extend(self.changed.clone());
        components
    }

    /// Returns the digest of each fragment.
    pub(super) fn fragments(&self, base: &Base) -> Fragments {
        let mut fragments = base.fragments.clone();
        fragments.retain(|name, _| !self.removed_fragments.contains(name));
        fragments.extend(self.changed_fragments.clone());
        fragments
    }
}
