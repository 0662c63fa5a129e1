//! [`Root`]: the folder with `kcc.cue`, and what may be read below it.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use kcc_diag::{Code, Diagnostic};
use kcc_model::{Build, FileText};
use kcc_tree::SYSTEM_FILE;

use super::read::{self, Failure};

/// The folder of a system.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
    shown: String,
}

impl Root {
    /// The root of the system that a folder lies in: the folder itself or the
    /// nearest above it that holds `kcc.cue`. `here` is the current folder.
    pub fn find(here: &Path, folder: &Path) -> Result<Self, Box<Diagnostic>> {
        let named = if folder.as_os_str().is_empty() || folder == Path::new(".") {
            "the current folder".to_owned()
        } else {
            format!("`{}`", folder.display())
        };
        let no_system = |message: String| {
            Box::new(Diagnostic::error(Code::LoadNoSystem, message).help(
                "name the system's folder (`kcc check DIR`, or `-C DIR`), \
                 or make a system with `kcc init`",
            ))
        };
        let unreadable = |error: &io::Error| {
            Box::new(
                Diagnostic::error(
                    Code::LoadUnreadable,
                    format!("cannot read {named}: {error}"),
                )
                .help("make it readable for the user that runs kcc"),
            )
        };
        let start = here
            .join(folder)
            .canonicalize()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound if named.starts_with('`') => {
                    no_system(format!("there is no folder {named}"))
                }
                ErrorKind::NotFound => no_system(format!("{named} is not there any more")),
                _ => unreadable(&error),
            })?;
        let mut refused = None;
        let path =
            start
                .ancestors()
                .find(|folder| match folder.join(SYSTEM_FILE).symlink_metadata() {
                    Ok(_) => true,
                    Err(error) => {
                        if error.kind() == ErrorKind::PermissionDenied {
                            refused.get_or_insert(error);
                        }
                        false
                    }
                });
        let Some(path) = path else {
            return Err(match refused {
                Some(error) => unreadable(&error),
                None if start.is_file() => no_system(format!(
                    "there is no `{SYSTEM_FILE}` in the folder of {named} or in one above it"
                )),
                None => no_system(format!(
                    "there is no `{SYSTEM_FILE}` in {named} or in a folder above it"
                )),
            });
        };
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

    /// The folder, absolute and without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder relative to the current one, with a slash at its end; empty
    /// for the current folder itself and for what does not lie in it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The name of a path below the root; none where it is not UTF-8.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        slashed(path.strip_prefix(&self.path).unwrap_or(path))
    }

    /// Where a path below the root leads in the end, if that is not below the root.
    pub(super) fn leads_out(&self, path: &Path) -> Option<PathBuf> {
        path.canonicalize()
            .ok()
            .filter(|target| !target.starts_with(&self.path))
    }

    /// The text of a file that a fragment refers to, or why there is none.
    pub fn read(&self, name: &str) -> Result<String, String> {
        let path = self.path.join(name);
        if Path::new(name).is_absolute() || self.leads_out(&path).is_some() {
            return Err("it lies outside the system's folder".into());
        }
        match path.metadata() {
            Ok(metadata) if !metadata.is_file() => return Err("it is not a regular file".into()),
            Err(error) => return Err(why(&error)),
            Ok(_) => {}
        }
        read::text(&path).map_err(|failure| match failure {
            Failure::Refused(error) => error.to_string(),
            Failure::NotUtf8(_) => "it is not UTF-8 text".into(),
        })
    }

    /// A text file that a fragment refers to, or why there is none.
    pub fn file(&self, name: &str) -> Result<FileText, String> {
        let text = self.read(name)?;
        Ok(FileText {
            text,
            executable: is_executable(&self.path.join(name)),
        })
    }

    /// Whether a file of the system is there, or with a `/` at its end a folder,
    /// or why it cannot be read.
    pub fn there(&self, name: &str) -> Result<(), String> {
        let path = self.path.join(name);
        if self.leads_out(&path).is_some() {
            return Err("it lies outside the system's folder".into());
        }
        std::fs::metadata(path)
            .map(drop)
            .map_err(|error| why(&error))
    }

    /// The hash of all that an image is built from, or why it cannot be read.
    pub(super) fn hash(&self, build: &Build) -> Result<String, String> {
        if self.leads_out(&self.path.join(&build.context)).is_some() {
            return Err("it lies outside the system's folder".into());
        }
        kcc_docker::context_hash(&self.path, build).map_err(|error| why(&error))
    }
}

/// Why something cannot be read.
fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it does not exist".into(),
        ErrorKind::NotADirectory => "there is no such folder".into(),
        _ => error.to_string(),
    }
}

/// A relative path with `/` between its names; none where one is not UTF-8.
fn slashed(path: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
    Some(names?.join("/"))
}

/// Whether whoever owns a file may run it.
#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

/// Other systems keep no such bit: a fragment says `mode`.
#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("shop/teams/web")).unwrap();
        std::fs::write(folder.path().join("shop/kcc.cue"), "package shop\n").unwrap();
        folder
    }

    #[test]
    fn the_root_is_found_from_any_folder_and_file_below_it() {
        let folder = system();
        for (start, shown) in [
            ("shop", "shop/"),
            ("shop/teams/web", "shop/"),
            ("shop/kcc.cue", "shop/"),
        ] {
            let root = Root::find(folder.path(), Path::new(start)).unwrap();
            assert!(root.path().ends_with("shop"));
            assert_eq!(root.shown(), shown);
        }
        let inside = folder.path().join("shop/teams");
        let root = Root::find(&inside, Path::new("")).unwrap();
        assert_eq!((root.path().ends_with("shop"), root.shown()), (true, ""));
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_to_be_so() {
        let folder = system();
        let error = Root::find(folder.path(), Path::new("shopp")).unwrap_err();
        assert_eq!(error.message, "there is no folder `shopp`");
    }

    #[test]
    fn a_program_is_told_from_a_text() {
        use std::os::unix::fs::PermissionsExt;
        let folder = system();
        let program = folder.path().join("shop/run.sh");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let root = Root::find(folder.path(), Path::new("shop")).unwrap();
        assert!(!root.file("run.sh").unwrap().executable);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let file = root.file("run.sh").unwrap();
        assert_eq!((file.text.as_str(), file.executable), ("#!/bin/sh\n", true));
    }

    #[test]
    fn files_outside_the_root_are_not_read() {
        let folder = system();
        std::fs::write(folder.path().join("password"), "hunter2").unwrap();
        let shop = folder.path().join("shop");
        std::os::unix::fs::symlink("../password", shop.join("link")).unwrap();
        std::fs::write(shop.join("teams/app.toml"), "a = 1\n").unwrap();
        let root = Root::find(folder.path(), Path::new("shop")).unwrap();
        assert_eq!(root.read("teams/../teams/app.toml").unwrap(), "a = 1\n");
        let absolute = folder.path().join("password").display().to_string();
        for name in [
            "../password",
            "link",
            "teams/../../password",
            absolute.as_str(),
        ] {
            assert_eq!(
                root.read(name).unwrap_err(),
                "it lies outside the system's folder",
                "{name}"
            );
        }
        assert_eq!(root.read("teams").unwrap_err(), "it is not a regular file");
        assert_eq!(root.read("none").unwrap_err(), "it does not exist");
    }
}
