//! Loading: finds the system's root and reads fragments, packages, CODEOWNERS and
//! `kcc.lock`.
//!
//! Takes a directory and returns [`Sources`], before anything is evaluated. The
//! only module that reads a user's files. A file that cannot be read becomes a
//! [`Problem`] and loading continues, so that one bad file hides no other mistake.
//! Names of files are relative to the root and separated by `/`.

mod build_contexts;
mod codeowners;
mod cue_files;
mod import_path;
mod lock;
mod observer;
mod package_dir;
mod packages;
mod preamble;
mod problem;
mod read;
mod root;
mod team_directory;
mod teams;
mod texts;
mod walk;
mod worktree;

use kcc_cue::Imports;
use kcc_lock::Lock;
use kcc_model::Codeowners;

use build_contexts::BuildContexts;
pub use cue_files::{NamedFile, PathError, named};
pub use observer::{Observer, Question};
pub use preamble::{FOR_CUE, is_for_cue, package_of};
pub use problem::{Problem, Problems};
pub use root::Root;
pub use teams::check_team_directories;
pub use worktree::instance_of;

/// A fragment or a file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CueFile {
    /// The path relative to the root.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// The files of a system, and what is wrong with those that could not be read.
#[derive(Debug)]
pub struct Sources {
    /// The readable fragments and files of packages, sorted by name.
    pub cue_files: Vec<CueFile>,
    /// The packages that the fragments import.
    pub imports: Imports,
    /// The owners of files in the repository, if it has a CODEOWNERS file.
    pub codeowners: Option<Codeowners>,
    /// The facts about images.
    pub lock: Lock,
    /// The files that could not be loaded.
    pub problems: Problems,
}

impl Root {
    /// Reads all fragments below the root and the packages that they import.
    pub fn sources(&self) -> Sources {
        let mut problems = Problems::default();
        let mut names = walk::fragments(self, &mut problems);
        names.sort();
        let mut texts = texts::Texts::new();
        for name in names {
            match read::text(&self.path().join(&name)) {
                Ok(text) if preamble::is_for_cue(&text) => {}
                Ok(text) => {
                    texts.insert(name, text);
                }
                Err(failure) => problems.push(failure.problem(name)),
            }
        }
        let imports = packages::imported(self, &mut texts, &mut problems);
        let codeowners = codeowners::load(self, &mut problems);
        let lock = lock::load(self, &mut problems);
        let cue_files = texts
            .into_iter()
            .map(|(name, text)| CueFile { name, text })
            .collect();
        Sources {
            cue_files,
            imports,
            codeowners,
            lock,
            problems,
        }
    }
}
