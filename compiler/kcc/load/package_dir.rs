//! The directory of a package: lists its CUE files with the package each belongs to.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use super::{
    Problems, Root,
    preamble::Preamble,
    problem::Problem,
    read::{self, ReadError},
    texts::Texts,
};
use kcc_diag::Code;

/// The maximum number of directory entries to visit when searching for a similar
/// package name.
const MAX_VISITED: usize = 2_000;

/// A CUE file in the directory of a package.
#[derive(Debug)]
pub(super) struct PackageFile {
    /// The path relative to the root, with symbolic links of directories resolved.
    pub(super) name: String,
    /// The package in its package clause.
    pub(super) package: Option<String>,
}

/// The contents of a directory, as far as imports are concerned.
pub(super) enum Contents {
    /// At least one CUE file.
    CueFiles,
    /// No CUE file, or no such directory.
    Empty,
    /// The directory is outside the system.
    Outside,
}

/// Classifies the contents of a directory.
pub(super) fn contents(root: &Root, dir: &str) -> Contents {
    let path = root.path().join(dir);
    if root.outside(&path).is_some() {
        return Contents::Outside;
    }
    if cue_files(&path).is_empty() {
        Contents::Empty
    } else {
        Contents::CueFiles
    }
}

/// Lists the files of a directory that may belong to a package; reads those that
/// are not in `texts` yet.
pub(super) fn files(
    root: &Root,
    dir: &str,
    texts: &mut Texts,
    problems: &mut Problems,
) -> Vec<PackageFile> {
    let Some(real) = root
        .path()
        .join(dir)
        .canonicalize()
        .ok()
        .filter(|path| path.starts_with(root.path()))
    else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for path in cue_files(&real) {
        let Some(name) = root.name(&path) else {
            continue;
        };
        if !texts.contains_key(&name) {
            match text(root, &name, &path) {
                Ok(text) => {
                    texts.insert(name.clone(), text);
                }
                Err(problem) => {
                    if problems.of(&name).is_none() {
                        problems.push(*problem);
                    }
                    continue;
                }
            }
        }
        let package = texts.get(&name).and_then(|text| Preamble::of(text).package);
        files.push(PackageFile { name, package });
    }
    files
}

fn text(root: &Root, name: &str, path: &Path) -> Result<String, Box<Problem>> {
    if root.outside(path).is_some() {
        return Err(Box::new(Problem {
            code: Code::LoadOutsideRoot,
            name: name.to_owned(),
            message: format!("`{name}` points outside the system's directory"),
            help: "replace the link with the file".into(),
            excerpt: None,
        }));
    }
    read::text(path).map_err(|failure: ReadError| Box::new(failure.problem(name.to_owned())))
}

/// Returns the ancestors of a directory, up to the root of its module.
pub(super) fn above(root: &Root, dir: &str) -> Vec<String> {
    if dir.is_empty() || root.path().join(dir).join("cue.mod").exists() {
        return Vec::new();
    }
    let mut above: Vec<String> = Path::new(dir)
        .ancestors()
        .skip(1)
        .filter_map(|path| path.to_str())
        .map(str::to_owned)
        .collect();
    // A directory with `cue.mod` is the root of a module.
    if let Some(last) = above
        .iter()
        .position(|dir| root.path().join(dir).join("cue.mod").exists())
    {
        above.truncate(last + 1);
    }
    above
}

/// Returns true if a directory below the root belongs to a nested module.
pub(super) fn is_other_module(root: &Root, dir: &str) -> bool {
    Path::new(dir)
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .any(|path| root.path().join(path).join("cue.mod/module.cue").exists())
}

/// Returns the directories with CUE files below one, relative to it; visits a
/// bounded number of entries.
pub(super) fn all_with_cue(root: &Root, dir: &str) -> Vec<String> {
    let top = root.path().join(dir);
    let (mut dirs_with_cue, mut visited) = (Vec::new(), 0);
    let mut open = VecDeque::from([top.clone()]);
    while let Some(next) = open.pop_front() {
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        let mut dirs: Vec<PathBuf> = Vec::new();
        for entry in entries.flatten() {
            visited += 1;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                dirs.push(entry.path());
            }
        }
        if visited > MAX_VISITED {
            break;
        }
        dirs.sort();
        open.extend(dirs);
        if !cue_files(&next).is_empty()
            && let Some(name) = next.strip_prefix(&top).ok().and_then(Path::to_str)
        {
            dirs_with_cue.push(name.to_owned());
        }
    }
    dirs_with_cue
}

/// Returns the files that may belong to a package, sorted. As in CUE, files for
/// tools and tests and those that begin with `.` or `_` do not.
fn cue_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            name.as_bytes().ends_with(b".cue")
                && !name.starts_with(['.', '_'])
                && !name.ends_with("_tool.cue")
                && !name.ends_with("_test.cue")
                && path.is_file()
        })
        .collect();
    files.sort();
    files
}
