//! [`Scratch`]: a temporary directory with files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The contents of files by their path relative to a directory, separated by `/`.
pub type FilesOfFolder = BTreeMap<String, Vec<u8>>;

/// A temporary directory, which is removed with everything in it.
#[derive(Debug)]
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Creates an empty directory.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Creates a directory with files.
    pub fn with<N: AsRef<Path>, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (N, C)>) -> Self {
        let scratch = Self::new();
        for (name, content) in files {
            scratch.write(name, content);
        }
        scratch
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, creating the directories above it, and returns its path.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        write(&path, content);
        path
    }

    /// Creates a directory.
    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a file, creating the directories above it.
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Reads the files below a directory; none if it does not exist.
pub fn files_below(folder: &Path) -> FilesOfFolder {
    let mut files = FilesOfFolder::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        let Ok(entries) = fs::read_dir(next) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().iter();
            let name: Vec<_> = name.map(|part| part.to_str().unwrap()).collect();
            files.insert(name.join("/"), fs::read(&path).unwrap());
        }
    }
    files
}
