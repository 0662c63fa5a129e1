//! Files of temporary directories.

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;

/// The contents of files by their path relative to a directory, separated by `/`.
pub type FilesOfFolder = BTreeMap<String, Vec<u8>>;

/// Creates a temporary directory with files.
pub fn directory_with<N: AsRef<Path>, C: AsRef<[u8]>>(
    files: impl IntoIterator<Item = (N, C)>,
) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(&directory.path().join(name), content);
    }
    directory
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
