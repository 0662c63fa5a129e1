//! Finds the fragments below a root.
//!
//! Directories are visited in the order of their names, so that the result is the
//! same on every machine. Symbolic links to directories are not followed: their
//! target either has a path of its own below the root or is not part of the system.

use std::{
    collections::VecDeque,
    fs::{DirEntry, FileType},
    io,
    path::{Path, PathBuf},
};

use kcc_diag::Code;

use super::{
    Root,
    problem::{Problem, Problems},
    read,
};

/// The maximum number of entries to visit behind a link that points outside.
const MAX_VISITED: usize = 2_000;

/// Returns the paths of all fragments that are regular files below the root.
pub(super) fn fragments(root: &Root, problems: &mut Problems) -> Vec<String> {
    let mut walk = Walk {
        root,
        problems,
        fragments: Vec::new(),
    };
    walk.directory(root.path());
    walk.fragments
}

struct Walk<'a> {
    root: &'a Root,
    problems: &'a mut Problems,
    fragments: Vec<String>,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Path) {
        let entries = match entries(dir) {
            Ok(entries) => entries,
            Err(error) => {
                let name = self.shown(dir);
                let name = if name.is_empty() { ".".into() } else { name };
                self.problems.push(read::unreadable(name, &error));
                return;
            }
        };
        for (entry, kind) in entries {
            let path = entry.path();
            if is_fragment(&path) {
                self.fragment(&path, kind);
            } else if kind.is_dir() && !is_private(&path) {
                self.directory(&path);
            } else if kind.is_symlink() && !is_private(&path) {
                self.directory_link(&path);
            }
        }
    }

    fn fragment(&mut self, path: &Path, kind: FileType) {
        let shown = self.shown(path);
        if kind.is_symlink() && self.root.outside(path).is_some() {
            let message = format!("`{shown}` points outside the system's directory");
            self.outside(shown, message);
            return;
        }
        // Follows a link, which points below the root.
        let what = match path.metadata() {
            Ok(metadata) if metadata.is_file() => match self.root.name(path) {
                Some(name) => {
                    self.fragments.push(name);
                    return;
                }
                None => return self.bad_name(shown),
            },
            Ok(metadata) if metadata.is_dir() => "a directory",
            Ok(_) => "not a regular file",
            // A link to itself is dangling, too.
            Err(error) if kind.is_symlink() && error.kind() != io::ErrorKind::PermissionDenied => {
                "a dangling symbolic link"
            }
            Err(error) => return self.problems.push(read::unreadable(shown, &error)),
        };
        self.problems.push(Problem {
            code: Code::LoadNotAFile,
            message: format!("`{shown}` is {what}"),
            help: "remove it, or replace it with a fragment".into(),
            name: shown,
            excerpt: None,
        });
    }

    /// Reports a link to a directory with fragments outside the root: they would
    /// silently be missing.
    fn directory_link(&mut self, path: &Path) {
        let Some(target) = self.root.outside(path) else {
            return;
        };
        if let Some(fragment) = first_fragment(&target) {
            let shown = self.shown(path);
            let message = format!(
                "`{shown}` points outside the system's directory, to fragments such as `{}`",
                fragment.display()
            );
            self.outside(shown, message);
        }
    }

    fn outside(&mut self, name: String, message: String) {
        self.problems.push(Problem {
            code: Code::LoadOutsideRoot,
            name,
            message,
            help: "replace the link with the files, or import them as a package from `cue.mod/pkg`"
                .into(),
            excerpt: None,
        });
    }

    fn bad_name(&mut self, shown: String) {
        self.problems.push(Problem {
            code: Code::LoadNotUtf8,
            message: format!("the name of `{shown}` is not valid UTF-8"),
            help: "rename it".into(),
            name: shown,
            excerpt: None,
        });
    }

    /// Formats a path relative to the root, replacing what is not UTF-8.
    fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(self.root.path()).unwrap_or(path);
        let names: Vec<_> = relative.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/")
    }
}

fn entries(dir: &Path) -> io::Result<Vec<(DirEntry, FileType)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        entries.push((entry, kind));
    }
    entries.sort_by_key(|(entry, _)| entry.file_name());
    Ok(entries)
}

/// Returns true if the file name is that of a fragment.
fn is_fragment(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    let name = name.as_encoded_bytes();
    name.ends_with(b".cue") && !name.ends_with(b"_tool.cue") && !name.ends_with(b"_test.cue")
}

/// Returns true if a directory's name excludes its files from the fragments.
pub(super) fn is_private(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    matches!(name.as_encoded_bytes(), [b'.' | b'_', ..] | b"cue.mod")
}

/// Returns the nearest fragment in a directory outside the root, relative to it;
/// visits a bounded number of entries.
fn first_fragment(dir: &Path) -> Option<PathBuf> {
    let mut visited = 0;
    let mut dirs = VecDeque::from([dir.to_owned()]);
    while let Some(next) = dirs.pop_front() {
        for (entry, kind) in entries(&next).unwrap_or_default() {
            let path = entry.path();
            visited += 1;
            if visited > MAX_VISITED {
                return None;
            }
            if kind.is_file() && is_fragment(&path) {
                return path.strip_prefix(dir).ok().map(Path::to_owned);
            }
            if kind.is_dir() && !is_private(&path) {
                dirs.push_back(path);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{create_dir_all, write},
        os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    };

    use super::*;

    /// Walks a directory created by `make` and returns fragments and problems.
    fn walk(make: impl Fn(&Path)) -> (Vec<String>, Vec<(Code, String)>) {
        let scratch = tempfile::tempdir().unwrap();
        let system = scratch.path().join("shop");
        create_dir_all(&system).unwrap();
        write(system.join("kcc.cue"), "package shop\n").unwrap();
        make(&system);
        let root = Root::find(scratch.path(), Path::new("shop")).unwrap();
        let mut problems = Problems::default();
        let names = fragments(&root, &mut problems);
        let problems = problems
            .iter()
            .map(|p| (p.code, p.message.clone()))
            .collect();
        (names, problems)
    }

    #[test]
    fn skips_private_directories_and_files_of_the_cue_tool() {
        let (names, problems) = walk(|root| {
            for dir in ["teams/web", ".git", "_old", "cue.mod/pkg", "teams/_draft"] {
                create_dir_all(root.join(dir)).unwrap();
                write(root.join(dir).join("a.cue"), "").unwrap();
            }
            for name in [
                "b_tool.cue",
                "b_test.cue",
                "b.cue",
                "b.cue.bak",
                "_c.cue",
                ".d.cue",
            ] {
                write(root.join("teams").join(name), "").unwrap();
            }
        });
        assert_eq!(
            names,
            [
                "kcc.cue",
                "teams/.d.cue",
                "teams/_c.cue",
                "teams/b.cue",
                "teams/web/a.cue"
            ]
        );
        assert_eq!(problems, []);
    }

    #[test]
    fn reports_fragments_that_are_not_files_in_the_root() {
        let (names, problems) = walk(|root| {
            create_dir_all(root.join("dir.cue")).unwrap();
            symlink("nowhere", root.join("gone.cue")).unwrap();
            write(root.join("../other.cue"), "").unwrap();
            symlink("../other.cue", root.join("out.cue")).unwrap();
            symlink("kcc.cue", root.join("same.cue")).unwrap();
            UnixListener::bind(root.join("socket.cue")).unwrap();
        });
        assert_eq!(names, ["kcc.cue", "same.cue"]);
        let expected = [
            (Code::LoadNotAFile, "`dir.cue` is a directory"),
            (Code::LoadNotAFile, "`gone.cue` is a dangling symbolic link"),
            (
                Code::LoadOutsideRoot,
                "`out.cue` points outside the system's directory",
            ),
            (Code::LoadNotAFile, "`socket.cue` is not a regular file"),
        ];
        assert_eq!(
            problems,
            expected.map(|(code, message)| (code, message.to_owned()))
        );
    }

    #[test]
    fn reports_directory_links_only_if_they_hide_fragments() {
        let (names, problems) = walk(|root| {
            create_dir_all(root.join("teams/web")).unwrap();
            write(root.join("teams/web/a.cue"), "").unwrap();
            symlink("teams", root.join("same")).unwrap();
            symlink(".", root.join("endless")).unwrap();
            create_dir_all(root.join("../other/deep")).unwrap();
            write(root.join("../other/deep/b.cue"), "").unwrap();
            symlink("../other", root.join("out")).unwrap();
            create_dir_all(root.join("../plain")).unwrap();
            symlink("../plain", root.join("harmless")).unwrap();
        });
        assert_eq!(names, ["kcc.cue", "teams/web/a.cue"]);
        let message =
            "`out` points outside the system's directory, to fragments such as `deep/b.cue`";
        assert_eq!(problems, [(Code::LoadOutsideRoot, message.to_owned())]);
    }

    #[test]
    fn reports_a_name_that_is_not_utf8() {
        let (names, problems) = walk(|root| {
            write(root.join(std::ffi::OsStr::from_bytes(b"z\xfc.cue")), "").unwrap();
        });
        assert_eq!(names, ["kcc.cue"]);
        let message = "the name of `z\u{fffd}.cue` is not valid UTF-8";
        assert_eq!(problems, [(Code::LoadNotUtf8, message.to_owned())]);
    }
}
