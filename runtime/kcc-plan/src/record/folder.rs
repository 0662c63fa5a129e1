//! [`FolderStore`]: keeps a record in a directory, one file per blob. Files are replaced
//! atomically, so a kill leaves the old or the new one.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use sha2::{Digest as _, Sha256};

use crate::{Blob, Error, Store, StoredHead, Swap, Version};

const BLOBS: &str = "blobs/sha256";
const HEAD: &str = "head";
const LOCK: &str = "lock";

/// A record in a directory, readable by its owner only.
#[derive(Debug, Clone)]
pub struct FolderStore {
    path: PathBuf,
}

impl FolderStore {
    /// Keeps a record below a path. Creates nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.path.join(BLOBS).join(digest.hex())
    }
}

impl Store for FolderStore {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        for blob in blobs {
            let path = self.blob(blob.digest());
            if read(&path)?.as_deref() != Some(blob.bytes()) {
                write(&path, blob.bytes())?;
            }
        }
        Ok(())
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        let bytes = read(&self.blob(digest))?;
        bytes
            .map(|bytes| Blob::new(bytes).verified(digest))
            .transpose()
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        let path = self.path.join(BLOBS);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries.map_err(|error| fail("list", &path, error))?,
        };
        let mut found = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|error| fail("list", &path, error))?;
            // Anything else is a part that a kill left.
            found.extend(entry.file_name().to_str().and_then(Digest::from_hex));
        }
        Ok(found)
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        remove(&self.blob(digest))
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        let bytes = read(&self.path.join(HEAD))?;
        Ok(StoredHead {
            version: version(bytes.as_deref()),
            bytes,
        })
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        let path = self.path.join(LOCK);
        let fail_lock = |error| fail("lock", &path, error);
        create_parent(&path).map_err(fail_lock)?;
        let lock = File::create(&path).map_err(fail_lock)?;
        lock.lock().map_err(fail_lock)?;
        if self.head().await?.version != *previous {
            return Ok(Swap::Lost);
        }
        let head = self.path.join(HEAD);
        match next {
            Some(bytes) => write(&head, bytes)?,
            None => remove(&head)?,
        }
        Ok(Swap::Done(version(next)))
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(Timestamp::now())
    }
}

/// A head has the version of its content: no two are the same, because each has the
/// token and the end of a lock, or is the one that a lock left.
fn version(bytes: Option<&[u8]>) -> Version {
    bytes.map_or_else(Version::default, |bytes| {
        Version(Digest::from_sha256(Sha256::digest(bytes).into()).into())
    })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fail("read", path, error)),
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fail("remove", path, error)),
        _ => Ok(()),
    }
}

fn create_parent(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    path.parent()
        .map_or(Ok(()), |parent| builder.create(parent))
}

/// Replaces a file. Two writers use parts of their own, because a blob is written
/// without a lock.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes).map_err(|error| fail("write", path, error))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    create_parent(path)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written?;
    // Makes the rename survive a power failure.
    if cfg!(unix)
        && let Some(parent) = path.parent()
    {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn fail(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(
        Code::StateStore,
        format!("cannot {verb} `{}`", path.display()),
    )
    .cause(error)
}
