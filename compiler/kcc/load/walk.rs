//! Finding the fragments below a root.
//!
//! Folders are read in the order of their names, so that every machine finds
//! the same. Links to folders are not followed: what they lead to has a name
//! of its own below the root, or does not belong to the system.

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

/// How many entries behind a link that leads out are looked at for a fragment.
const MOST_LOOKED_AT: usize = 2_000;

/// The names of all fragments below the root that are regular files in it.
pub(super) fn fragments(root: &Root, problems: &mut Problems) -> Vec<String> {
    let mut walk = Walk {
        root,
        problems,
        found: Vec::new(),
    };
    walk.folder(root.path());
    walk.found
}

struct Walk<'a> {
    root: &'a Root,
    problems: &'a mut Problems,
    found: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) {
        let entries = match entries(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let name = self.shown(folder);
                let name = if name.is_empty() { ".".into() } else { name };
                self.problems.push(read::refused(name, &error));
                return;
            }
        };
        for (entry, kind) in entries {
            let path = entry.path();
            if is_fragment(&path) {
                self.fragment(&path, kind);
            } else if kind.is_dir() && !is_private(&path) {
                self.folder(&path);
            } else if kind.is_symlink() && !is_private(&path) {
                self.folder_link(&path);
            }
        }
    }

    fn fragment(&mut self, path: &Path, kind: FileType) {
        let shown = self.shown(path);
        if kind.is_symlink() && self.root.leads_out(path).is_some() {
            let message = format!("`{shown}` leads out of the system's folder");
            self.outside(shown, message);
            return;
        }
        // Follows a link, which stays below the root.
        let what = match path.metadata() {
            Ok(metadata) if metadata.is_file() => match self.root.name(path) {
                Some(name) => {
                    self.found.push(name);
                    return;
                }
                None => return self.bad_name(shown),
            },
            Ok(metadata) if metadata.is_dir() => "a folder",
            Ok(_) => "no regular file",
            // A link to itself leads nowhere, too.
            Err(error) if kind.is_symlink() && error.kind() != io::ErrorKind::PermissionDenied => {
                "a symbolic link that leads nowhere"
            }
            Err(error) => return self.problems.push(read::refused(shown, &error)),
        };
        self.problems.push(Problem {
            code: Code::LoadNotAFile,
            message: format!("`{shown}` is {what}"),
            help: "remove it, or put a fragment in its place".into(),
            name: shown,
            shown: None,
        });
    }

    /// A link that is no fragment itself: an error if it leads to fragments
    /// outside the root, which would be missing without a word.
    fn folder_link(&mut self, path: &Path) {
        let Some(target) = self.root.leads_out(path) else {
            return;
        };
        if let Some(fragment) = first_fragment(&target) {
            let shown = self.shown(path);
            let message = format!(
                "`{shown}` leads out of the system's folder, to fragments such as `{}`",
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
            help: "put the file itself there, or import it as a package from `cue.mod/pkg`".into(),
            shown: None,
        });
    }

    fn bad_name(&mut self, shown: String) {
        self.problems.push(Problem {
            code: Code::LoadNotUtf8,
            message: format!("the name of `{shown}` is not UTF-8 text"),
            help: "rename it".into(),
            name: shown,
            shown: None,
        });
    }

    /// A path below the root as it is shown, even if it is not UTF-8.
    fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(self.root.path()).unwrap_or(path);
        let names: Vec<_> = relative.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/")
    }
}

fn entries(folder: &Path) -> io::Result<Vec<(DirEntry, FileType)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        entries.push((entry, kind));
    }
    entries.sort_by_key(|(entry, _)| entry.file_name());
    Ok(entries)
}

/// Whether a name says that it is a fragment.
fn is_fragment(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    let name = name.as_encoded_bytes();
    name.ends_with(b".cue") && !name.ends_with(b"_tool.cue") && !name.ends_with(b"_test.cue")
}

/// Whether a folder's name says that its files are no fragments.
fn is_private(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    matches!(name.as_encoded_bytes(), [b'.' | b'_', ..] | b"cue.mod")
}

/// Some fragment in a folder outside the root, relative to it. Looks at a
/// bounded number of entries, the nearest first.
fn first_fragment(folder: &Path) -> Option<PathBuf> {
    let mut looked_at = 0;
    let mut folders = VecDeque::from([folder.to_owned()]);
    while let Some(next) = folders.pop_front() {
        for (entry, kind) in entries(&next).unwrap_or_default() {
            let path = entry.path();
            looked_at += 1;
            if looked_at > MOST_LOOKED_AT {
                return None;
            }
            if kind.is_file() && is_fragment(&path) {
                return path.strip_prefix(folder).ok().map(Path::to_owned);
            }
            if kind.is_dir() && !is_private(&path) {
                folders.push_back(path);
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

    /// The fragments and the problems of a folder made by `make`.
    fn walk(make: impl Fn(&Path)) -> (Vec<String>, Vec<(Code, String)>) {
        let folder = tempfile::tempdir().unwrap();
        let system = folder.path().join("shop");
        create_dir_all(&system).unwrap();
        write(system.join("kcc.cue"), "package shop\n").unwrap();
        make(&system);
        let root = Root::find(folder.path(), Path::new("shop")).unwrap();
        let mut problems = Problems::default();
        let found = fragments(&root, &mut problems);
        let problems = problems
            .iter()
            .map(|p| (p.code, p.message.clone()))
            .collect();
        (found, problems)
    }

    #[test]
    fn private_folders_and_files_of_the_tool_hold_no_fragments() {
        let (found, problems) = walk(|root| {
            for folder in ["teams/web", ".git", "_old", "cue.mod/pkg", "teams/_draft"] {
                create_dir_all(root.join(folder)).unwrap();
                write(root.join(folder).join("a.cue"), "").unwrap();
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
            found,
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
    fn what_is_called_a_fragment_has_to_be_a_file_in_the_root() {
        let (found, problems) = walk(|root| {
            create_dir_all(root.join("folder.cue")).unwrap();
            symlink("nowhere", root.join("gone.cue")).unwrap();
            write(root.join("../other.cue"), "").unwrap();
            symlink("../other.cue", root.join("out.cue")).unwrap();
            symlink("kcc.cue", root.join("same.cue")).unwrap();
            UnixListener::bind(root.join("socket.cue")).unwrap();
        });
        assert_eq!(found, ["kcc.cue", "same.cue"]);
        let expected = [
            (Code::LoadNotAFile, "`folder.cue` is a folder"),
            (
                Code::LoadNotAFile,
                "`gone.cue` is a symbolic link that leads nowhere",
            ),
            (
                Code::LoadOutsideRoot,
                "`out.cue` leads out of the system's folder",
            ),
            (Code::LoadNotAFile, "`socket.cue` is no regular file"),
        ];
        assert_eq!(
            problems,
            expected.map(|(code, message)| (code, message.to_owned()))
        );
    }

    #[test]
    fn links_to_folders_are_not_followed_and_told_where_fragments_get_lost() {
        let (found, problems) = walk(|root| {
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
        assert_eq!(found, ["kcc.cue", "teams/web/a.cue"]);
        let message = "`out` leads out of the system's folder, to fragments such as `deep/b.cue`";
        assert_eq!(problems, [(Code::LoadOutsideRoot, message.to_owned())]);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_an_error() {
        let (found, problems) = walk(|root| {
            write(root.join(std::ffi::OsStr::from_bytes(b"z\xfc.cue")), "").unwrap();
        });
        assert_eq!(found, ["kcc.cue"]);
        let message = "the name of `z\u{fffd}.cue` is not UTF-8 text";
        assert_eq!(problems, [(Code::LoadNotUtf8, message.to_owned())]);
    }
}
