//! [`FolderStore`]: keeps a record in a directory, which is an OCI image layout.
//!
//! The index has one entry, `head`: the manifest of an artifact whose configuration is
//! the head and whose layers are the blobs. Tools that copy an artifact copy the whole
//! record, and tools that remove unreachable content leave it whole. Blobs are stored as
//! they are, so that a file's digest is the name by which the record knows it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kcc_lock::Digest;

use super::blob::damaged;
use crate::{
    Blob, Descriptor, Error, Index, Layout, Manifest, Store, StoredHead, Swap, Version, oci::Locked,
};

const HEAD: &str = "head";
const RECORD_TYPE: &str = "application/vnd.kcc.record.v1";
const HEAD_TYPE: &str = "application/vnd.kcc.record.head.v1+json";
const BLOB_TYPE: &str = "application/vnd.kcc.record.blob.v1";

/// The number of attempts to read a head that another command replaces meanwhile.
const READS: usize = 5;

/// A record in a directory, readable by its owner only.
#[derive(Debug, Clone)]
pub struct FolderStore {
    layout: Layout,
}

/// The artifact of a head.
struct Stored {
    digest: Digest,
    manifest: Manifest,
}

impl FolderStore {
    /// Keeps a record below a path. Creates nothing yet.
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self {
            layout: Layout::new(path),
        }
    }

    /// Returns the artifact that an index names; none if there is no head. The inner
    /// error says that its manifest is missing.
    fn stored(&self, index: &Index) -> Result<Result<Option<Stored>, ()>, Error> {
        let Some(entry) = index.get(HEAD) else {
            return Ok(Ok(None));
        };
        let digest = entry.digest.clone();
        let manifest = self.layout.manifest(&digest)?;
        Ok(manifest
            .map(|manifest| Some(Stored { digest, manifest }))
            .ok_or(()))
    }

    /// Reads the artifact while nobody else changes it.
    fn stored_alone(&self, index: &Index) -> Result<Option<Stored>, Error> {
        self.stored(index)?.map_err(|()| missing())
    }

    /// Writes an artifact, makes it the head, and removes the one before. `left_out` is
    /// a blob about to be removed.
    fn write(
        &self,
        locked: &Locked<'_>,
        mut index: Index,
        head: Descriptor,
        before: Option<&Stored>,
        left_out: Option<&Digest>,
    ) -> Result<Stored, Error> {
        let own: Vec<_> = before.iter().flat_map(|stored| stored.own()).collect();
        let layers = self.layout.list()?.into_iter().filter(|(digest, _)| {
            *digest != head.digest && !own.contains(&digest) && Some(digest) != left_out
        });
        let layers = layers
            .map(|(digest, size)| Descriptor::new(BLOB_TYPE, digest, size))
            .collect();
        let manifest = Manifest::new(RECORD_TYPE, head, layers);
        let entry = manifest.descriptor();
        let stored = Stored {
            digest: entry.digest.clone(),
            manifest,
        };
        locked.put(&[stored.manifest.blob()])?;
        index.set(HEAD, entry);
        locked.set_index(&index)?;
        for digest in own {
            if !stored.own().contains(&digest) {
                locked.remove(digest)?;
            }
        }
        Ok(stored)
    }
}

impl Stored {
    /// Returns the content that is not a blob of the record.
    fn own(&self) -> [&Digest; 2] {
        [&self.digest, &self.manifest.config.digest]
    }
}

impl Store for FolderStore {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        self.layout.add(blobs)
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        let bytes = self.layout.read(digest)?;
        bytes
            .map(|bytes| Blob::new(bytes).verified(digest))
            .transpose()
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        let mut blobs = self.layout.list()?;
        // Lists the remains of a head that a killed command left, so that they can be removed.
        if let Ok(Some(stored)) = self.stored(&self.layout.index()?)? {
            for digest in stored.own() {
                blobs.remove(digest);
            }
        }
        Ok(blobs.into_keys().collect())
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        let locked = self.layout.lock()?;
        let index = self.layout.index()?;
        let mut stored = self.stored_alone(&index)?;
        if let Some(before) = &stored
            && before.manifest.has_layer(digest)
        {
            let head = before.manifest.config.clone();
            stored = Some(self.write(&locked, index, head, Some(before), Some(digest))?);
        }
        // A head that a killed command left may be the one that was just written.
        if stored.is_some_and(|stored| stored.own().contains(&digest)) {
            return Ok(());
        }
        locked.remove(digest)
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        for _ in 0..READS {
            let index = self.layout.index()?;
            if let Ok(stored) = self.stored(&index)? {
                let Some(stored) = stored else {
                    return Ok(StoredHead::default());
                };
                let digest = &stored.manifest.config.digest;
                if let Some(bytes) = self.layout.read(digest)? {
                    let head = Blob::new(bytes).verified(digest)?;
                    return Ok(StoredHead {
                        version: version(digest),
                        bytes: Some(head.into_bytes()),
                    });
                }
            }
            if self.layout.index()? == index {
                break;
            }
        }
        Err(missing())
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        let locked = self.layout.lock()?;
        let mut index = self.layout.index()?;
        let before = self.stored_alone(&index)?;
        let current = before.as_ref().map_or_else(Version::default, |stored| {
            version(&stored.manifest.config.digest)
        });
        if current != *previous {
            return Ok(Swap::Lost);
        }
        let Some(next) = next else {
            index.remove(HEAD);
            locked.set_index(&index)?;
            for digest in before.iter().flat_map(Stored::own) {
                locked.remove(digest)?;
            }
            return Ok(Swap::Done(Version::default()));
        };
        let head = Blob::new(next.to_vec());
        locked.put(std::slice::from_ref(&head))?;
        let done = Swap::Done(version(head.digest()));
        let head = Descriptor::of(HEAD_TYPE, &head);
        self.write(&locked, index, head, before.as_ref(), None)?;
        Ok(done)
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(Timestamp::now())
    }
}

/// A head has the version of its content: no two are the same, because each has the
/// token and the end of a lock, or is the one that a lock left.
fn version(digest: &Digest) -> Version {
    Version(digest.as_str().to_owned())
}

fn missing() -> Error {
    damaged("its head names content that is not there")
}
