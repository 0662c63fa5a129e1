//! Finds and reads the CUE files that a command names, whether or not they belong to a
//! system, and replaces their texts.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{read, walk::is_private};

/// A CUE file that a user named, or that is in a directory that they named.
#[derive(Debug)]
pub struct NamedFile {
    /// The path as the user would write it.
    pub shown: String,
    /// The file itself, behind any symbolic link.
    pub path: PathBuf,
    /// The whole text, without a byte order mark.
    pub text: String,
}

/// A path that could not be read or written, with the reason.
#[derive(Debug)]
pub struct PathError {
    /// The path as the user would write it.
    pub shown: String,
    /// The reason.
    pub error: io::Error,
}

/// Reads the named files and the CUE files below the named directories, in order and
/// each once. `here` is the current directory.
pub fn named(here: &Path, paths: &[PathBuf]) -> (Vec<NamedFile>, Vec<PathError>) {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    for path in paths {
        if let Err(error) = collect(here, path, &mut found) {
            errors.push(error);
        }
    }
    for shown in found {
        match read_file(here, &shown) {
            Ok(file)
                if files
                    .iter()
                    .all(|other: &NamedFile| other.path != file.path) =>
            {
                files.push(file);
            }
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
    }
    (files, errors)
}

fn collect(here: &Path, path: &Path, found: &mut Vec<PathBuf>) -> Result<(), PathError> {
    let fail = |error| PathError {
        shown: shown(path),
        error,
    };
    let full = here.join(path);
    if !full.metadata().map_err(fail)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(&full).map_err(fail)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, below) = (
            entry.file_type().map_err(fail)?,
            path.join(entry.file_name()),
        );
        // A link leads to a file with a path of its own, or to one of somebody else.
        if kind.is_dir() && !is_private(&below) {
            collect(here, &below, found)?;
        } else if kind.is_file() && below.extension().is_some_and(|end| end == "cue") {
            found.push(below);
        }
    }
    Ok(())
}

fn read_file(here: &Path, path: &Path) -> Result<NamedFile, PathError> {
    let fail = |error| PathError {
        shown: shown(path),
        error,
    };
    let full = here.join(path).canonicalize().map_err(fail)?;
    let text = read::text(&full).map_err(|error| fail(error.into()))?;
    Ok(NamedFile {
        shown: shown(path),
        path: full,
        text,
    })
}

fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.display().to_string()
}

impl NamedFile {
    /// Replaces the text in one step, so that a reader, or a kill, sees the old one or
    /// the new one. Keeps the permissions and, if the user may, the owner.
    pub fn replace(&self, text: &str) -> Result<(), PathError> {
        self.try_replace(text).map_err(|error| PathError {
            shown: self.shown.clone(),
            error,
        })
    }

    fn try_replace(&self, text: &str) -> io::Result<()> {
        let metadata = self.path.metadata()?;
        // A rename would replace a file that nobody may write to.
        fs::OpenOptions::new().write(true).open(&self.path)?;
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".kcc-")
            .suffix(".tmp")
            .tempfile_in(parent)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(metadata.permissions())?;
        keep_owner(file.path(), &metadata);
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Gives a file to the owner of another one, which only root may.
#[cfg(unix)]
fn keep_owner(path: &Path, of: &fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::chown(path, Some(of.uid()), Some(of.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_path: &Path, _of: &fs::Metadata) {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn finds_each_file_once_and_leaves_private_directories_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let here = scratch.path();
        for name in [
            "a.cue",
            "teams/b.cue",
            "teams/c.txt",
            ".git/d.cue",
            "cue.mod/e.cue",
        ] {
            fs::create_dir_all(here.join(name).parent().unwrap()).unwrap();
            fs::write(here.join(name), "\u{feff}package shop\n").unwrap();
        }
        let paths = ["teams", ".", "./a.cue", "gone.cue"].map(PathBuf::from);
        let (files, errors) = named(here, &paths);
        let shown: Vec<_> = files.iter().map(|file| file.shown.as_str()).collect();
        assert_eq!(shown, ["teams/b.cue", "a.cue"]);
        assert_eq!(files[0].text, "package shop\n");
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].shown, "gone.cue");
    }

    #[test]
    fn a_replacement_keeps_permissions_and_links() {
        let scratch = tempfile::tempdir().unwrap();
        let here = scratch.path();
        fs::write(here.join("a.cue"), "a").unwrap();
        fs::set_permissions(here.join("a.cue"), fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.cue", here.join("link.cue")).unwrap();
        let (files, _) = named(here, &["link.cue".into()]);
        files[0].replace("b").unwrap();
        assert_eq!(fs::read_to_string(here.join("a.cue")).unwrap(), "b");
        let mode = here.join("a.cue").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(here.join("link.cue").is_symlink());
        assert_eq!(
            fs::read_dir(here).unwrap().count(),
            2,
            "nothing is left behind"
        );
    }
}
