//! The files of the repository, as the rules read them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folders that hold the project.
pub(crate) const FOLDERS: [&str; 5] = ["compiler", "runtime", "schemas", "examples", "tests"];

/// Folders of products, wherever they are.
const PRODUCTS: [&str; 2] = ["target", "node_modules"];

/// A text file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its name below the root, with `/`.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn extension(&self) -> &str {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text files below these folders, in the order of their names.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        below(&root().join(folder), &mut found);
    }
    found.sort();
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
    found.into_iter().filter_map(text).collect()
}

/// One file of the repository.
pub(crate) fn read(name: &str) -> Source {
    let text = fs::read_to_string(root().join(name));
    Source {
        name: name.to_owned(),
        text: text.unwrap_or_else(|error| panic!("{name}: {error}")),
    }
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_file() {
            found.push(entry.path());
        } else if kind.is_dir() && !PRODUCTS.iter().any(|name| entry.file_name() == *name) {
            below(&entry.path(), found);
        }
    }
}
