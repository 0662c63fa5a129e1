//! [`Layout`]: an OCI image layout, which is a directory with content named by digests
//! and an index of what is in it.
//!
//! Files are replaced atomically, and content is written before the index that leads
//! to it, so a kill or a full disk leaves the old index or the new one. The file
//! `oci-layout` is never replaced: a kernel lock on it is the lock of the layout.
//! Whoever adds content shares it, whoever changes the index or removes content has it
//! alone. Readers take none, so that an archive may be on a read-only disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use kcc_diag::Code;
use kcc_lock::Digest;
use serde::{Deserialize, Serialize};

use super::{Descriptor, Index, MANIFEST_TYPE, Manifest, failure};
use crate::{Blob, Error};

const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";
/// The version of the format.
const VERSION: &str = "1.0.0";
/// Begins the names of files that are being written.
const PART: &str = ".part-";

/// The content of the file that makes a directory a layout.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

/// An OCI image layout. What kcc creates is readable by its owner only.
#[derive(Debug, Clone)]
pub struct Layout {
    path: PathBuf,
    /// The path as messages show it.
    shown: PathBuf,
}

/// The right to change the index of a layout and to remove content.
pub(crate) struct Locked<'a> {
    layout: &'a Layout,
    _lock: File,
}

impl Layout {
    /// Uses the directory at a path. Creates nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            shown: path.clone(),
            path,
        }
    }

    /// Lets messages show another path, such as that of a file with all of it.
    #[must_use]
    pub fn shown_as(self, path: impl Into<PathBuf>) -> Self {
        Self {
            shown: path.into(),
            ..self
        }
    }

    /// Returns the path as messages show it.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails unless the directory is a layout whose format kcc reads.
    pub fn check(&self) -> Result<(), Error> {
        let path = self.path.join(MARKER);
        match self.read_file(&path)? {
            None if !self.path.exists() => {
                let message = format!("`{}` does not exist", self.shown.display());
                Err(Error::new(Code::StateStore, message).help("check the path"))
            }
            None => Err(self.foreign()),
            Some(bytes) => match version(&bytes) {
                Some(found) if found != VERSION => Err(self.newer(&found)),
                Some(_) => Ok(()),
                None => Err(self.malformed(&path, "it has no `imageLayoutVersion`")),
            },
        }
    }

    /// Returns the content of a digest as it is stored.
    pub fn read(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        self.read_file(&self.content(digest))
    }

    /// Lists the digests of all content, with sizes.
    pub fn list(&self) -> Result<BTreeMap<Digest, u64>, Error> {
        let path = self.path.join(BLOBS);
        let fail = |error| self.failed("list", &path, error);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            entries => entries.map_err(fail)?,
        };
        let mut found = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(fail)?;
            let Some(digest) = entry.file_name().to_str().and_then(Digest::from_hex) else {
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => _ = found.insert(digest, metadata.len()),
                // It was removed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(fail(error)),
            }
        }
        Ok(found)
    }

    /// Returns the index; an empty one if there is none yet.
    pub fn index(&self) -> Result<Index, Error> {
        let path = self.path.join(INDEX);
        self.read_file(&path)?.map_or_else(
            || Ok(Index::default()),
            |bytes| {
                serde_json::from_slice(&bytes)
                    .map_err(|error| self.malformed(&path, &error.to_string()))
            },
        )
    }

    /// Returns the manifest with a digest; none if there is no such content.
    pub fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, Error> {
        let parse = |blob: Blob| {
            serde_json::from_slice(blob.bytes())
                .map_err(|error| self.malformed(&self.content(digest), &error.to_string()))
        };
        self.read_verified(digest)?.map(parse).transpose()
    }

    /// Returns the content of a digest after comparing the two.
    pub fn read_verified(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        let compare = |bytes| {
            let blob = Blob::new(bytes);
            if blob.digest() == digest {
                return Ok(blob);
            }
            let why = format!("its content has the digest `{}`", blob.digest());
            Err(self.malformed(&self.content(digest), &why))
        };
        self.read(digest)?.map(compare).transpose()
    }

    /// Returns true if content is there in its full size.
    pub fn contains(&self, content: &Descriptor) -> Result<bool, Error> {
        let path = self.content(&content.digest);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len() == content.size),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("read", &path, error)),
        }
    }

    /// Removes the artifacts with these names, and content that nothing in the index
    /// leads to any more.
    pub fn remove(&self, names: &BTreeSet<String>) -> Result<(), Error> {
        let locked = self.lock()?;
        let mut index = self.index()?;
        for name in names {
            index.remove(name);
        }
        locked.set_index(&index)?;
        let mut reached = BTreeSet::new();
        for entry in index.entries() {
            if entry.media_type != MANIFEST_TYPE {
                // An index of another tool may lead to anything.
                return Ok(());
            }
            if let Some(manifest) = self.manifest(&entry.digest)? {
                reached.extend(manifest.content().map(|content| content.digest.clone()));
            }
            reached.insert(entry.digest.clone());
        }
        for digest in self.list()?.into_keys() {
            if !reached.contains(&digest) {
                locked.remove(&digest)?;
            }
        }
        Ok(())
    }

    /// Adds content. What is there already stays as it is, or is repaired.
    pub fn add(&self, blobs: &[Blob]) -> Result<(), Error> {
        let lock = self.open()?;
        lock.lock_shared().map_err(|error| self.unlockable(error))?;
        self.write_content(blobs)
    }

    /// Waits until nobody else changes the layout.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, Error> {
        let lock = self.open()?;
        lock.lock().map_err(|error| self.unlockable(error))?;
        let locked = Locked {
            layout: self,
            _lock: lock,
        };
        locked.remove_parts()?;
        Ok(locked)
    }

    /// Opens the file to lock, and makes the directory a layout before.
    fn open(&self) -> Result<File, Error> {
        let path = self.path.join(MARKER);
        let fail = |error| self.failed("write", &path, error);
        create_directory(&self.path).map_err(fail)?;
        if !path.exists() && !self.is_empty()? {
            return Err(self.foreign());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(fail)?;
        match self.read_file(&path)?.as_deref().and_then(version) {
            Some(found) if found != VERSION => return Err(self.newer(&found)),
            Some(_) => return Ok(file),
            None => {}
        }
        file.lock().map_err(fail)?;
        let marker = Marker {
            image_layout_version: VERSION.to_owned(),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        // Another command may have been faster; a killed one leaves a part.
        if version(&bytes).is_none() {
            let write = |mut file: &File| {
                file.set_len(0)?;
                std::io::Seek::rewind(&mut file)?;
                file.write_all(&serde_json::to_vec(&marker)?)?;
                file.sync_all()?;
                sync_directory(&self.path)
            };
            write(&file).map_err(fail)?;
            if !self.path.join(INDEX).exists() {
                self.write_index(&Index::default())?;
            }
        }
        file.unlock().map_err(fail)?;
        Ok(file)
    }

    fn is_empty(&self) -> Result<bool, Error> {
        let fail = |error| self.failed("list", &self.path, error);
        for entry in fs::read_dir(&self.path).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            if name != MARKER && !name.to_string_lossy().starts_with(PART) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn content(&self, digest: &Digest) -> PathBuf {
        self.path.join(BLOBS).join(digest.hex())
    }

    fn write_content(&self, blobs: &[Blob]) -> Result<(), Error> {
        let directory = self.path.join(BLOBS);
        let fail = |error| self.failed("write", &directory, error);
        create_directory(&directory).map_err(fail)?;
        for blob in blobs {
            let path = self.content(blob.digest());
            if self.read_file(&path)?.as_deref() != Some(blob.bytes()) {
                self.replace(&path, blob.bytes())?;
            }
        }
        sync_directory(&directory).map_err(fail)
    }

    fn write_index(&self, index: &Index) -> Result<(), Error> {
        // A plain struct with text keys always serialises.
        let bytes = serde_json::to_vec(index).unwrap_or_default();
        let path = self.path.join(INDEX);
        self.replace(&path, &bytes)?;
        sync_directory(&self.path).map_err(|error| self.failed("write", &path, error))
    }

    /// Replaces a file.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let write = || {
            let mut part = tempfile::Builder::new()
                .prefix(PART)
                .tempfile_in(&self.path)?;
            part.write_all(bytes)?;
            part.as_file().sync_all()?;
            part.persist(path).map_err(|error| error.error)
        };
        write()
            .map(drop)
            .map_err(|error| self.failed("write", path, error))
    }

    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    fn remove_file(&self, path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(self.failed("remove", path, error))
            }
            _ => Ok(()),
        }
    }

    fn malformed(&self, path: &Path, why: &str) -> Error {
        let message = format!("`{}` is damaged: {why}", self.shown_path(path).display());
        Error::new(Code::StateDamaged, message)
    }

    fn failed(&self, verb: &str, path: &Path, error: std::io::Error) -> Error {
        failure::failed(verb, &self.shown_path(path), error)
    }

    fn shown_path(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.path) {
            Ok(below) if below != Path::new("") => self.shown.join(below),
            _ => self.shown.clone(),
        }
    }

    fn foreign(&self) -> Error {
        let message = format!("`{}` is not an OCI image layout", self.shown.display());
        Error::new(Code::StateStore, message)
            .help("name a directory that kcc or another tool for OCI layouts wrote, or a new one")
    }

    fn newer(&self, found: &str) -> Error {
        let path = self.shown.display();
        let message =
            format!("`{path}` has version {found} of OCI image layouts; kcc reads {VERSION}");
        Error::new(Code::StateNewer, message).help("use a later version of kcc")
    }

    fn unlockable(&self, error: std::io::Error) -> Error {
        self.failed("lock", &self.path.join(MARKER), error)
    }
}

impl Locked<'_> {
    /// Adds content.
    pub(crate) fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        self.layout.write_content(blobs)
    }

    /// Replaces the index. It may lead only to content that is stored already.
    pub(crate) fn set_index(&self, index: &Index) -> Result<(), Error> {
        self.layout.write_index(index)
    }

    /// Removes content, if it is there. Nothing in the index may lead to it.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), Error> {
        self.layout.remove_file(&self.layout.content(digest))
    }

    /// Removes what killed commands were writing: nobody else writes now.
    fn remove_parts(&self) -> Result<(), Error> {
        let path = &self.layout.path;
        let fail = |error| self.layout.failed("list", path, error);
        for entry in fs::read_dir(path).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if entry.file_name().to_string_lossy().starts_with(PART) {
                self.layout.remove_file(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn version(marker: &[u8]) -> Option<String> {
    let marker: Marker = serde_json::from_slice(marker).ok()?;
    Some(marker.image_layout_version)
}

fn create_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Lets what was renamed in a directory survive a power failure.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}
