//! [`ArtifactStore`]: a place outside of engines that keeps named artifacts.

use std::{collections::BTreeSet, future::Future};

use kcc_diag::Code;

use super::{Descriptor, Layout, MANIFEST_TYPE, Manifest};
use crate::{Blob, Error};

/// Keeps artifacts under names: a directory, or a repository of a registry.
///
/// A name is for people and tools. It can be lost, and somebody may give it to another
/// artifact, so that whatever matters is in the artifact.
pub trait ArtifactStore {
    /// Returns the place, as messages name it.
    fn address(&self) -> String;

    /// Lists all names.
    fn names(&self) -> impl Future<Output = Result<BTreeSet<String>, Error>>;

    /// Returns the artifact with a name after comparing it with its digest; none if
    /// there is no such name, or if it names something else than an artifact.
    fn artifact(&self, name: &str) -> impl Future<Output = Result<Option<Manifest>, Error>>;

    /// Returns true if content is there.
    fn has(&self, content: &Descriptor) -> impl Future<Output = Result<bool, Error>>;

    /// Returns content after comparing it with its digest; none if it is not there.
    fn get(&self, content: &Descriptor) -> impl Future<Output = Result<Option<Blob>, Error>>;

    /// Stores an artifact under a name. Whatever it refers to is there, or among these
    /// blobs.
    fn put(
        &self,
        name: &str,
        artifact: &Manifest,
        blobs: &[Blob],
    ) -> impl Future<Output = Result<(), Error>>;
}

impl ArtifactStore for Layout {
    fn address(&self) -> String {
        self.shown().display().to_string()
    }

    async fn names(&self) -> Result<BTreeSet<String>, Error> {
        let index = self.index()?;
        let names = index.entries().iter().filter_map(Descriptor::name);
        Ok(names.map(str::to_owned).collect())
    }

    async fn artifact(&self, name: &str) -> Result<Option<Manifest>, Error> {
        let index = self.index()?;
        let entry = index.get(name);
        let Some(entry) = entry.filter(|entry| entry.media_type == MANIFEST_TYPE) else {
            return Ok(None);
        };
        let manifest = self.manifest(&entry.digest)?;
        let missing = || {
            let message = format!(
                "`{}` is damaged: `{}` is not there",
                self.address(),
                entry.digest
            );
            Error::new(Code::StateDamaged, message)
        };
        manifest.ok_or_else(missing).map(Some)
    }

    async fn has(&self, content: &Descriptor) -> Result<bool, Error> {
        self.contains(content)
    }

    async fn get(&self, content: &Descriptor) -> Result<Option<Blob>, Error> {
        self.read_verified(&content.digest)
    }

    async fn put(&self, name: &str, artifact: &Manifest, blobs: &[Blob]) -> Result<(), Error> {
        let locked = self.lock()?;
        locked.put(blobs)?;
        // Another command may have removed what was there a moment ago.
        for content in artifact.content() {
            if !self.contains(content)? {
                let message = format!(
                    "`{}` has changed meanwhile: `{}` is not there",
                    self.address(),
                    content.digest
                );
                return Err(Error::new(Code::StateStore, message).help("run the command again"));
            }
        }
        locked.put(&[artifact.blob()])?;
        let mut index = self.index()?;
        index.set(name, artifact.descriptor());
        locked.set_index(&index)
    }
}
