//! [`Observer`]: answers questions about the files below the root that are not sources,
//! such as those that fragments name, and records them.
//!
//! Together with the sources, the answers are all that a check learns of the disk. If the
//! same questions have the same answers later, the same sources have the same outcome.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::{self, Debug, Write},
};

use kcc_model::{Build, FileData};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BuildContexts, Root, team_directory::TeamDirectory};

/// A question about the files below the root. Names are relative to the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The content of a file.
    File(String),
    /// The text of a file.
    Text(String),
    /// The names of the files below a directory.
    List(String),
    /// The existence of a file or a directory.
    Exists(String),
    /// The directory of a team.
    TeamDirectory(String),
    /// The hash of a build context; the build in JSON.
    Context(String),
}

/// Answers questions about the files below a root, and records them.
#[derive(Debug)]
pub struct Observer<'a> {
    root: &'a Root,
    contexts: BuildContexts<'a>,
    seen: RefCell<BTreeMap<Question, String>>,
}

impl<'a> Observer<'a> {
    /// Creates an observer that has not been asked yet.
    pub fn of(root: &'a Root) -> Self {
        Self {
            root,
            contexts: BuildContexts::of(root),
            seen: RefCell::default(),
        }
    }

    /// Reads a file with its executable bit.
    pub fn file(&self, name: &str) -> Result<FileData, String> {
        let file = self.root.file(name);
        let summary = file
            .as_ref()
            .map(|file| (Sha256::digest(&file.bytes), file.executable));
        self.record(Question::File(name.to_owned()), &summary);
        file
    }

    /// Reads a text file.
    pub fn text(&self, name: &str) -> Result<String, String> {
        let text = self.root.read(name);
        self.record(Question::Text(name.to_owned()), &text);
        text
    }

    /// Lists all files below a directory, in order, each relative to it.
    pub fn list(&self, name: &str) -> Result<Vec<String>, String> {
        let names = self.root.list(name);
        self.record(Question::List(name.to_owned()), &names);
        names
    }

    /// Checks that a file exists, or a directory if the name ends with `/`.
    pub fn there(&self, name: &str) -> Result<(), String> {
        let there = self.root.there(name);
        self.record(Question::Exists(name.to_owned()), &there);
        there
    }

    /// Returns the hash of everything that goes into an image.
    pub fn context(&self, build: &Build) -> Result<String, String> {
        let hash = self.contexts.hash(build);
        if let Ok(build) = serde_json::to_string(build) {
            self.record(Question::Context(build), &hash);
        }
        hash
    }

    /// Looks at the directory of a team.
    pub(super) fn team_directory(&self, name: &str) -> TeamDirectory {
        let directory = TeamDirectory::of(self.root, name);
        self.record(Question::TeamDirectory(name.to_owned()), &directory);
        directory
    }

    fn record(&self, question: Question, answer: &impl Debug) {
        let mut hash = Hasher(Sha256::new());
        // Nothing that is hashed here refuses to be formatted.
        let _ = write!(hash, "{answer:?}");
        let mut text = String::new();
        for byte in hash.0.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        self.seen.borrow_mut().insert(question, text);
    }

    /// Returns the questions that were asked, each with the hash of its answer.
    pub fn answers(&self) -> Vec<(Question, String)> {
        let seen = self.seen.borrow();
        let pairs = seen.iter();
        pairs.map(|(q, a)| (q.clone(), a.clone())).collect()
    }

    /// Asks questions again; returns true if all answers are the same.
    pub fn confirms(&self, answers: &[(Question, String)]) -> bool {
        answers.iter().all(|(question, answer)| {
            self.ask(question);
            self.seen.borrow().get(question) == Some(answer)
        })
    }

    fn ask(&self, question: &Question) {
        match question {
            Question::File(name) => drop(self.file(name)),
            Question::Text(name) => drop(self.text(name)),
            Question::List(name) => drop(self.list(name)),
            Question::Exists(name) => drop(self.there(name)),
            Question::TeamDirectory(name) => drop(self.team_directory(name)),
            Question::Context(build) => {
                if let Ok(build) = serde_json::from_str(build) {
                    drop(self.context(&build));
                }
            }
        }
    }
}

/// Hashes what is written.
struct Hasher(Sha256);

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
        path::Path,
    };

    use super::*;

    /// Every question, with a change of the files that gives it another answer.
    #[allow(clippy::type_complexity, reason = "a table")]
    fn questions() -> Vec<(Question, &'static [fn(&Path)])> {
        fn write(path: &Path, text: &str) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let build = r#"{"tag":"t","context":"app","file":"Dockerfile","args":{},"stage":null}"#;
        let all: Vec<(Question, &'static [fn(&Path)])> = vec![
            (
                Question::File("conf/a.toml".into()),
                &[
                    |root| write(&root.join("conf/a.toml"), "b"),
                    |root| {
                        let executable = Permissions::from_mode(0o755);
                        fs::set_permissions(root.join("conf/a.toml"), executable).unwrap();
                    },
                    |root| fs::remove_file(root.join("conf/a.toml")).unwrap(),
                    |root| {
                        fs::remove_file(root.join("conf/a.toml")).unwrap();
                        symlink("/etc/hostname", root.join("conf/a.toml")).unwrap();
                    },
                ],
            ),
            (
                Question::Text("conf/a.toml".into()),
                &[|root| write(&root.join("conf/a.toml"), "b")],
            ),
            (
                Question::List("conf".into()),
                &[
                    |root| write(&root.join("conf/b.toml"), ""),
                    |root| fs::remove_dir_all(root.join("conf")).unwrap(),
                ],
            ),
            (
                Question::Exists("conf/".into()),
                &[|root| fs::remove_dir_all(root.join("conf")).unwrap()],
            ),
            (
                Question::TeamDirectory("teams/web".into()),
                &[
                    |root| fs::remove_dir_all(root.join("teams/web")).unwrap(),
                    |root| {
                        fs::rename(root.join("teams/web"), root.join("teams/real")).unwrap();
                        symlink("real", root.join("teams/web")).unwrap();
                    },
                ],
            ),
            (
                Question::Context(build.into()),
                &[
                    |root| write(&root.join("app/main.go"), "package main\n"),
                    |root| write(&root.join("app/.dockerignore"), "Dockerfile\n"),
                ],
            ),
        ];
        // A question without a line above does not compile.
        for (question, _) in &all {
            match question {
                Question::File(_)
                | Question::Text(_)
                | Question::List(_)
                | Question::Exists(_)
                | Question::TeamDirectory(_)
                | Question::Context(_) => {}
            }
        }
        all
    }

    #[test]
    fn another_answer_is_noticed() {
        for (question, changes) in questions() {
            for (number, change) in changes.iter().enumerate() {
                let scratch = tempfile::tempdir().unwrap();
                let path = scratch.path();
                for dir in ["conf", "teams/web", "app"] {
                    fs::create_dir_all(path.join(dir)).unwrap();
                }
                for name in ["kcc.cue", "conf/a.toml", "app/Dockerfile"] {
                    fs::write(path.join(name), "a").unwrap();
                }
                let root = Root::find(path, Path::new("")).unwrap();
                let observer = Observer::of(&root);
                observer.ask(&question);
                let answers = observer.answers();
                assert_eq!(answers.len(), 1, "{question:?}");
                assert!(Observer::of(&root).confirms(&answers), "{question:?}");
                fs::write(path.join("other"), "").unwrap();
                assert!(Observer::of(&root).confirms(&answers), "{question:?}");
                change(path);
                let confirms = Observer::of(&root).confirms(&answers);
                assert!(!confirms, "{question:?}, change {number}");
            }
        }
    }
}
