//! [`TeamDirectory`]: a team's directory, as it is found on the disk.

use std::path::Path;

use super::Root;

/// The directory of a team, as it is found.
#[derive(Debug)]
pub(super) enum TeamDirectory {
    /// A directory below the root.
    Found,
    /// A symbolic link to this directory.
    Link(String),
    /// A path that leads out of the root.
    Outside,
    /// Something else, such as a file.
    Other,
    /// Nothing; its sibling with the most similar name, if there is one.
    Missing(Option<String>),
}

impl TeamDirectory {
    /// Looks at a directory, named relative to the root.
    pub(super) fn of(root: &Root, dir: &str) -> Self {
        let path = root.path().join(dir);
        if root.outside(&path).is_some() {
            Self::Outside
        } else if path.is_dir() {
            let real = real_name(root, &path);
            let real = real.filter(|real| real != normalized(dir));
            real.map_or(Self::Found, Self::Link)
        } else if path.exists() {
            Self::Other
        } else {
            Self::Missing(similar_directory(root, dir))
        }
    }
}

fn normalized(dir: &str) -> &str {
    dir.trim_start_matches("./").trim_end_matches('/')
}

/// Returns the path of a directory below the root, with symbolic links resolved.
fn real_name(root: &Root, path: &Path) -> Option<String> {
    root.name(&path.canonicalize().ok()?)
}

/// Returns the sibling of a missing directory with the most similar name.
fn similar_directory(root: &Root, dir: &str) -> Option<String> {
    let (parent, name) = normalized(dir)
        .rsplit_once('/')
        .unwrap_or(("", normalized(dir)));
    let mut names: Vec<String> = std::fs::read_dir(root.path().join(parent))
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            entry
                .file_type()
                .ok()?
                .is_dir()
                .then(|| entry.file_name().into_string().ok())?
        })
        .collect();
    names.sort();
    let similar = kcc_diag::nearest(name, names.iter().map(String::as_str))?;
    Some(if parent.is_empty() {
        similar.to_owned()
    } else {
        format!("{parent}/{similar}")
    })
}
