//! [`Root`]: the directory with `kcc.cue`, and access to the files below it.
//!
//! Files outside the root are never read, not even through symbolic links or `..`:
//! a fragment could otherwise copy any file of the user into a container.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use kcc_diag::{Code, Diagnostic};
use kcc_model::{Build, FileData};
use kcc_tree::SYSTEM_FILE;

use super::read::{self, ReadError};

/// The root directory of a system.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
    shown: String,
}

impl Root {
    /// Finds the root of the system that contains a directory: the nearest ancestor
    /// with `kcc.cue`, starting with the directory itself. `here` is the current
    /// directory.
    pub fn find(here: &Path, dir: &Path) -> Result<Self, Box<Diagnostic>> {
        let named = if dir.as_os_str().is_empty() || dir == Path::new(".") {
            "the current directory".to_owned()
        } else {
            format!("`{}`", dir.display())
        };
        let start = here
            .join(dir)
            .canonicalize()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound if named.starts_with('`') => {
                    no_system(format!("directory {named} does not exist"))
                }
                ErrorKind::NotFound => no_system(format!("{named} no longer exists")),
                _ => unreadable(&named, &error),
            })?;
        let path = nearest_root(&start).map_err(|denied| match denied {
            Some(error) => unreadable(&named, &error),
            None if start.is_file() => no_system(format!(
                "no `{SYSTEM_FILE}` in the directory of {named} or any parent directory"
            )),
            None => no_system(format!(
                "no `{SYSTEM_FILE}` in {named} or any parent directory"
            )),
        })?;
        let shown = here
            .canonicalize()
            .ok()
            .and_then(|here| Some(slashed(path.strip_prefix(here).ok()?)? + "/"))
            .filter(|shown| shown != "/")
            .unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            shown,
        })
    }

    /// Uses a directory without fragments, for what a file holds that kcc wrote.
    pub fn of_no_system(directory: &Path) -> Self {
        Self {
            path: directory.to_owned(),
            shown: String::new(),
        }
    }

    /// Returns true for the path of an existing file.
    pub fn is_file(here: &Path, path: &Path) -> bool {
        here.join(path).is_file()
    }

    /// Returns the absolute path, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path relative to the current directory, with a trailing slash;
    /// empty if it is the current directory or not below it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns a path relative to the root; `None` if it is not UTF-8.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        slashed(path.strip_prefix(&self.path).unwrap_or(path))
    }

    /// Resolves a path and returns the result if it is outside the root.
    pub(super) fn outside(&self, path: &Path) -> Option<PathBuf> {
        path.canonicalize()
            .ok()
            .filter(|target| !target.starts_with(&self.path))
    }

    /// Reads a text file that a fragment refers to; the error is the reason as shown
    /// to the user.
    pub fn read(&self, name: &str) -> Result<String, String> {
        let path = self.regular(name)?;
        read::text(&path).map_err(|failure| match failure {
            ReadError::Io(error) => error.to_string(),
            ReadError::NotUtf8(_) => "it is not valid UTF-8".into(),
            ReadError::TooLong => "it is too long".into(),
        })
    }

    /// Reads a file with its executable bit.
    pub fn file(&self, name: &str) -> Result<FileData, String> {
        let path = self.regular(name)?;
        Ok(FileData {
            bytes: std::fs::read(&path).map_err(|error| reason(&error))?,
            executable: is_executable(&path),
        })
    }

    /// Lists all files below a directory, in order, each relative to it.
    pub fn list(&self, name: &str) -> Result<Vec<String>, String> {
        let directory = self.path.join(name);
        if self.outside(&directory).is_some() {
            return Err("it is outside the system's directory".into());
        }
        let mut files = Vec::new();
        list_below(&directory, "", &mut files).map_err(|error| reason(&error))?;
        files.sort();
        Ok(files)
    }

    /// Returns the path of a regular file that may be read.
    fn regular(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.path.join(name);
        if Path::new(name).is_absolute() || self.outside(&path).is_some() {
            return Err("it is outside the system's directory".into());
        }
        match path.metadata() {
            Ok(metadata) if !metadata.is_file() => Err("it is not a regular file".into()),
            Err(error) => Err(reason(&error)),
            Ok(_) => Ok(path),
        }
    }

    /// Checks that a file exists, or a directory if the name ends with `/`.
    pub fn there(&self, name: &str) -> Result<(), String> {
        let path = self.path.join(name);
        if self.outside(&path).is_some() {
            return Err("it is outside the system's directory".into());
        }
        std::fs::metadata(path)
            .map(drop)
            .map_err(|error| reason(&error))
    }

    /// Computes the hash of everything that goes into an image.
    pub(super) fn hash(&self, build: &Build) -> Result<String, String> {
        if self.outside(&self.path.join(&build.context)).is_some() {
            return Err("it is outside the system's directory".into());
        }
        kcc_docker::context_hash(&self.path, build).map_err(|error| reason(&error))
    }
}

/// Adds the files below a directory, without following symbolic links to directories.
fn list_below(directory: &Path, above: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list_below(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

/// Returns the nearest ancestor with `kcc.cue`; if there is none, the first error
/// of the search.
fn nearest_root(start: &Path) -> Result<&Path, Option<io::Error>> {
    let mut denied = None;
    let root =
        start.ancestors().find(
            |ancestor| match ancestor.join(SYSTEM_FILE).symlink_metadata() {
                Ok(_) => true,
                Err(error) => {
                    if error.kind() == ErrorKind::PermissionDenied {
                        denied.get_or_insert(error);
                    }
                    false
                }
            },
        );
    root.ok_or(denied)
}

fn no_system(message: String) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(Code::LoadNoSystem, message)
            .help("pass the system's directory (`kcc check DIR`), or create one with `kcc init`"),
    )
}

fn unreadable(named: &str, error: &io::Error) -> Box<Diagnostic> {
    let message = format!("cannot read {named}: {error}");
    Box::new(
        Diagnostic::error(Code::LoadUnreadable, message)
            .help("make it readable for the user who runs kcc"),
    )
}

/// Formats the reason why a file cannot be read.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it does not exist".into(),
        ErrorKind::NotADirectory => "not a directory".into(),
        _ => error.to_string(),
    }
}

/// Joins the elements of a relative path with `/`; `None` if one is not UTF-8.
fn slashed(path: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
    Some(names?.join("/"))
}

/// Returns true if the owner may execute the file.
#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

/// Returns false: other systems have no executable bit, and fragments set `mode`.
#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system() -> tempfile::TempDir {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(scratch.path().join("shop/teams/web")).unwrap();
        std::fs::write(scratch.path().join("shop/kcc.cue"), "package shop\n").unwrap();
        scratch
    }

    #[test]
    fn finds_the_root_from_any_directory_or_file_below_it() {
        let scratch = system();
        for (start, shown) in [
            ("shop", "shop/"),
            ("shop/teams/web", "shop/"),
            ("shop/kcc.cue", "shop/"),
        ] {
            let root = Root::find(scratch.path(), Path::new(start)).unwrap();
            assert!(root.path().ends_with("shop"));
            assert_eq!(root.shown(), shown);
        }
        let inside = scratch.path().join("shop/teams");
        let root = Root::find(&inside, Path::new("")).unwrap();
        assert_eq!((root.path().ends_with("shop"), root.shown()), (true, ""));
    }

    #[test]
    fn reports_a_missing_directory() {
        let scratch = system();
        let error = Root::find(scratch.path(), Path::new("shopp")).unwrap_err();
        assert_eq!(error.message, "directory `shopp` does not exist");
    }

    #[test]
    fn reads_the_executable_bit() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = system();
        let program = scratch.path().join("shop/run.sh");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let root = Root::find(scratch.path(), Path::new("shop")).unwrap();
        assert!(!root.file("run.sh").unwrap().executable);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let file = root.file("run.sh").unwrap();
        assert_eq!((&*file.bytes, file.executable), (&b"#!/bin/sh\n"[..], true));
    }

    #[test]
    fn does_not_read_files_outside_the_root() {
        let scratch = system();
        std::fs::write(scratch.path().join("password"), "hunter2").unwrap();
        let shop = scratch.path().join("shop");
        std::os::unix::fs::symlink("../password", shop.join("link")).unwrap();
        std::fs::write(shop.join("teams/app.toml"), "a = 1\n").unwrap();
        let root = Root::find(scratch.path(), Path::new("shop")).unwrap();
        assert_eq!(root.read("teams/../teams/app.toml").unwrap(), "a = 1\n");
        let absolute = scratch.path().join("password").display().to_string();
        for name in [
            "../password",
            "link",
            "teams/../../password",
            absolute.as_str(),
        ] {
            assert_eq!(
                root.read(name).unwrap_err(),
                "it is outside the system's directory",
                "{name}"
            );
        }
        assert_eq!(root.read("teams").unwrap_err(), "it is not a regular file");
        assert_eq!(root.read("none").unwrap_err(), "it does not exist");
    }
}
