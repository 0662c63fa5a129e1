//! The folder of a package: which files in it are of which package.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use super::{
    Problems, Root,
    head::Head,
    packages::Texts,
    problem::Problem,
    read::{self, Failure},
};
use kcc_diag::Code;

/// How many entries of vendored folders are looked at for a near name.
const MOST_LOOKED_AT: usize = 2_000;

/// A file in the folder of a package.
#[derive(Debug)]
pub(super) struct PackageFile {
    /// Its name, relative to the root, its folder's links resolved.
    pub(super) name: String,
    /// What its package clause says.
    pub(super) package: Option<String>,
}

/// What a folder holds.
pub(super) enum Held {
    /// Files of CUE.
    Files,
    /// None, or there is no such folder.
    Nothing,
    /// It leads out of the system.
    Outside,
}

/// Whether a folder holds files of CUE.
pub(super) fn holds_cue(root: &Root, folder: &str) -> Held {
    let path = root.path().join(folder);
    if root.leads_out(&path).is_some() {
        return Held::Outside;
    }
    if cue_files(&path).is_empty() {
        Held::Nothing
    } else {
        Held::Files
    }
}

/// The files of a folder that may be of a package. Their texts are read if they
/// are not yet.
pub(super) fn files(
    root: &Root,
    folder: &str,
    texts: &mut Texts,
    problems: &mut Problems,
) -> Vec<PackageFile> {
    let Some(folder) = root
        .path()
        .join(folder)
        .canonicalize()
        .ok()
        .filter(|path| path.starts_with(root.path()))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in cue_files(&folder) {
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
        let package = texts.get(&name).and_then(|text| Head::of(text).package);
        found.push(PackageFile { name, package });
    }
    found
}

fn text(root: &Root, name: &str, path: &Path) -> Result<String, Box<Problem>> {
    if root.leads_out(path).is_some() {
        return Err(Box::new(Problem {
            code: Code::LoadOutsideRoot,
            name: name.to_owned(),
            message: format!("`{name}` leads out of the system's folder"),
            help: "put the file itself there".into(),
            shown: None,
        }));
    }
    read::text(path).map_err(|failure: Failure| Box::new(failure.problem(name.to_owned())))
}

/// The folders above one, up to the root.
pub(super) fn above(root: &Root, folder: &str) -> Vec<String> {
    if folder.is_empty() || root.path().join(folder).join("cue.mod").exists() {
        return Vec::new();
    }
    let mut above: Vec<String> = Path::new(folder)
        .ancestors()
        .skip(1)
        .filter_map(|path| path.to_str())
        .map(str::to_owned)
        .collect();
    // The module ends where there is a folder `cue.mod`.
    if let Some(last) = above
        .iter()
        .position(|folder| root.path().join(folder).join("cue.mod").exists())
    {
        above.truncate(last + 1);
    }
    above
}

/// Whether a folder below the root belongs to a module of its own.
pub(super) fn is_other_module(root: &Root, folder: &str) -> bool {
    Path::new(folder)
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .any(|path| root.path().join(path).join("cue.mod/module.cue").exists())
}

/// The folders with CUE files below one, relative to it; a bounded number.
pub(super) fn all_with_cue(root: &Root, folder: &str) -> Vec<String> {
    let top = root.path().join(folder);
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut open = VecDeque::from([top.clone()]);
    while let Some(next) = open.pop_front() {
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for entry in entries.flatten() {
            looked_at += 1;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
        if looked_at > MOST_LOOKED_AT {
            break;
        }
        folders.sort();
        open.extend(folders);
        if !cue_files(&next).is_empty()
            && let Some(name) = next.strip_prefix(&top).ok().and_then(Path::to_str)
        {
            found.push(name.to_owned());
        }
    }
    found
}

/// What may be a file of a package, sorted: as in CUE, names that begin with
/// `.` or `_` and those of tools and tests are none.
fn cue_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
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
