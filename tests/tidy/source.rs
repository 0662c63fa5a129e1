//! Reads the files of the repository for the rules.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use kcc_test_support::root;

/// The directories of the project.
pub(crate) const FOLDERS: [&str; 5] = ["compiler", "runtime", "schemas", "examples", "tests"];

/// Directories of build artefacts, at any depth.
const ARTEFACTS: [&str; 2] = ["target", "node_modules"];

/// A text file of the repository.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The path relative to the root, separated by `/`.
    pub(crate) name: String,
    /// The text.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn extension(&self) -> &str {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// Reads the text files below some directories, sorted by path.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    let text = |path: PathBuf| {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        Some(Source {
            name,
            text: fs::read_to_string(path).ok()?,
        })
    };
    paths.into_iter().filter_map(text).collect()
}

/// Reads one file of the repository.
pub(crate) fn read(name: &str) -> Source {
    let text = fs::read_to_string(root().join(name));
    Source {
        name: name.to_owned(),
        text: text.unwrap_or_else(|error| panic!("{name}: {error}")),
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_file() {
            paths.push(entry.path());
        } else if kind.is_dir() && !ARTEFACTS.iter().any(|name| entry.file_name() == *name) {
            collect(&entry.path(), paths);
        }
    }
}
