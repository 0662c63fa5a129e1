//! From a folder to the fragments in it: finding the root, walking, reading.
//!
//! The only place that reads a user's files. Everything that is wrong with a
//! file becomes a [`Problem`]; the rest is read all the same, so that one bad
//! file hides nothing. Names are relative to the root, with `/`.

mod codeowners;
mod contexts;
mod folder;
mod head;
mod import_path;
mod owners_pattern;
mod packages;
mod problem;
mod read;
mod root;
mod teams;
mod walk;

use kcc_cue::Imports;

pub use codeowners::Codeowners;
pub use contexts::Contexts;
pub use problem::{Problem, Problems};
pub use root::Root;
pub use teams::{of as team_of, team_folders};

/// A fragment, or a file of a package: its name and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The name, relative to the root.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// What is in a system's folder.
#[derive(Debug)]
pub struct Sources {
    /// The fragments and the files of packages that could be read, in the
    /// order of their names.
    pub fragments: Vec<Fragment>,
    /// What the fragments import.
    pub imports: Imports,
    /// Who answers for which files.
    pub codeowners: Option<Codeowners>,
    /// What is wrong with the others.
    pub problems: Problems,
}

impl Root {
    /// Reads every fragment below the root, and the packages that they import.
    pub fn sources(&self) -> Sources {
        let mut problems = Problems::default();
        let mut names = walk::fragments(self, &mut problems);
        names.sort();
        let mut texts = packages::Texts::new();
        for name in names {
            match read::text(&self.path().join(&name)) {
                Ok(text) => {
                    texts.insert(name, text);
                }
                Err(failure) => problems.push(failure.problem(name)),
            }
        }
        let imports = packages::imported(self, &mut texts, &mut problems);
        let codeowners = Codeowners::of(self, &mut problems);
        let fragments = texts
            .into_iter()
            .map(|(name, text)| Fragment { name, text })
            .collect();
        Sources {
            fragments,
            imports,
            codeowners,
            problems,
        }
    }
}
