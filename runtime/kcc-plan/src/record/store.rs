//! [`Store`]: the interface between the record of a scope and the place that keeps
//! it. Everything that a record needs are blobs, and one small value, the head, that
//! changes only by comparison with its previous version.

use std::{collections::BTreeSet, future::Future};

use jiff::Timestamp;
use kcc_lock::Digest;

use crate::{Blob, Error};

/// Keeps the record of one scope.
///
/// A failed call may have taken effect nevertheless: its answer may be lost.
pub trait Store {
    /// Stores blobs. One that is there already stays as it is, or is repaired.
    fn put(&self, blobs: &[Blob]) -> impl Future<Output = Result<(), Error>>;

    /// Returns a blob after comparing it with its name.
    fn get(&self, digest: &Digest) -> impl Future<Output = Result<Option<Blob>, Error>>;

    /// Lists the stored blobs.
    fn blobs(&self) -> impl Future<Output = Result<BTreeSet<Digest>, Error>>;

    /// Removes a blob, if it is there.
    fn remove(&self, digest: &Digest) -> impl Future<Output = Result<(), Error>>;

    /// Returns the current head.
    fn head(&self) -> impl Future<Output = Result<StoredHead, Error>>;

    /// Replaces the head if it still has this version: at most one of several callers
    /// with the same version succeeds. Without a next head it is removed.
    fn swap(
        &self,
        previous: &Version,
        next: Option<&[u8]>,
    ) -> impl Future<Output = Result<Swap, Error>>;

    /// Removes what is there of the scope besides blobs and the head: its journal.
    fn clear(&self) -> impl Future<Output = Result<(), Error>> {
        async { Ok(()) }
    }

    /// Returns the number of revisions that the store retains.
    fn retained(&self) -> usize {
        50
    }

    /// Returns the time by the clock that all users of the store share.
    fn now(&self) -> impl Future<Output = Result<Timestamp, Error>>;
}

/// Returns blobs: a store, or an archive.
pub trait BlobSource {
    /// Returns a blob after comparing it with its name; none if it is not there.
    fn fetch(&self, digest: &Digest) -> impl Future<Output = Result<Option<Blob>, Error>>;
}

impl<S: Store> BlobSource for S {
    async fn fetch(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        self.get(digest).await
    }
}

/// A head as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredHead {
    /// The version to compare with.
    pub version: Version,
    /// The head; none if there is no record.
    pub bytes: Option<Vec<u8>>,
}

/// The version of a head, in the store's own terms; empty if there never was one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version(pub String);

/// The outcome of [`Store::swap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The head is replaced and has this version.
    Done(Version),
    /// The head had changed, and is what another caller made it.
    Lost,
}
