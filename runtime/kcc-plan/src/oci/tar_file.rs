//! [`TarFile`]: an OCI image layout in one file.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Component, Path, PathBuf},
};

use kcc_lock::Digest;
use tar::{Archive, Builder, EntryType, Header};
use tempfile::{NamedTempFile, TempDir};

use super::{Layout, failure::failed};
use crate::Error;

/// An OCI image layout in a tar file, which is unpacked for as long as this value lives.
#[derive(Debug)]
pub struct TarFile {
    path: PathBuf,
    layout: Layout,
    _directory: TempDir,
}

impl TarFile {
    /// Unpacks a file; one that does not exist yet is an empty layout. Messages show the
    /// other path.
    pub fn open(path: impl Into<PathBuf>, shown: &str) -> Result<Self, Error> {
        let path = path.into();
        let fail = |error| failed("read", &path, error);
        let new = Self::create(&path, shown)?;
        match File::open(&path) {
            Ok(file) => unpack(file, new.layout.path()).map_err(fail)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(fail(error)),
        }
        Ok(new)
    }

    /// Makes an empty layout, which replaces whatever is at the path once it is saved.
    pub fn create(path: impl Into<PathBuf>, shown: &str) -> Result<Self, Error> {
        let path = path.into();
        let directory = tempfile::tempdir().map_err(|error| failed("write", &path, error))?;
        Ok(Self {
            layout: Layout::new(directory.path()).shown_as(shown),
            _directory: directory,
            path,
        })
    }

    /// Returns the layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Replaces the file. The same content gives the same bytes.
    pub fn save(&self) -> Result<(), Error> {
        let parent = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let write = || {
            let mut part = NamedTempFile::new_in(parent)?;
            pack(self.layout.path(), part.as_file_mut())?;
            part.as_file().sync_all()?;
            part.persist(&self.path).map_err(|error| error.error)?;
            if cfg!(unix) {
                File::open(parent)?.sync_all()?;
            }
            Ok(())
        };
        write().map_err(|error| failed("write", &self.path, error))
    }
}

/// Unpacks the files of a layout, and leaves out whatever else there is: other tools
/// add files for their own use, and nothing may be written outside.
fn unpack(file: File, directory: &Path) -> io::Result<()> {
    let mut archive = Archive::new(file);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if entry.header().entry_type() != EntryType::Regular || !is_layout(&path) {
            continue;
        }
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        io::copy(&mut entry, &mut File::create(path)?)?;
    }
    Ok(())
}

/// Returns true for the path of a file that a layout has.
fn is_layout(path: &Path) -> bool {
    let names: Option<Vec<&str>> = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    match names.as_deref() {
        Some(["oci-layout" | "index.json"]) => true,
        Some(["blobs", "sha256", hex]) => Digest::from_hex(hex).is_some(),
        _ => false,
    }
}

fn pack(directory: &Path, file: &mut File) -> io::Result<()> {
    let mut paths = vec!["oci-layout".to_owned(), "index.json".to_owned()];
    let mut blobs = Vec::new();
    match fs::read_dir(directory.join("blobs/sha256")) {
        Ok(entries) => {
            for entry in entries {
                let name = entry?.file_name();
                blobs.push(format!("blobs/sha256/{}", name.to_string_lossy()));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    blobs.sort();
    paths.append(&mut blobs);
    let mut builder = Builder::new(file);
    for path in paths {
        let mut content = Vec::new();
        File::open(directory.join(&path))?.read_to_end(&mut content)?;
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_slice())?;
    }
    builder.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArtifactStore, Blob, Descriptor, Manifest};

    #[tokio::test]
    async fn a_file_has_the_same_artifacts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.tar");
        let file = TarFile::open(&path, "history.tar").unwrap();
        let config = Blob::new(b"{}".to_vec());
        let manifest = Manifest::new("a/b", Descriptor::of("a/b", &config), Vec::new());
        let blobs = [config];
        let put = file.layout().put("shop.dev.1", &manifest, &blobs);
        put.await.unwrap();
        file.save().unwrap();
        let bytes = fs::read(&path).unwrap();
        let again = TarFile::open(&path, "history.tar").unwrap();
        again.layout().check().unwrap();
        let found = again.layout().artifact("shop.dev.1").await.unwrap();
        assert_eq!(found, Some(manifest));
        again.save().unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn only_the_files_of_a_layout_are_unpacked() {
        let hex = "a".repeat(64);
        for path in ["oci-layout", "./index.json", &format!("blobs/sha256/{hex}")] {
            assert!(is_layout(Path::new(path)), "{path}");
        }
        for path in [
            "manifest.json",
            "/index.json",
            "../index.json",
            "blobs/sha256/../index.json",
            "blobs/sha256/short",
            "a/index.json",
        ] {
            assert!(!is_layout(Path::new(path)), "{path}");
        }
    }
}
