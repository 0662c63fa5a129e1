//! From a folder to the fragments in it: finding the root, walking, reading.
//!
//! The only place that reads a user's files. Everything that is wrong with a
//! file becomes a [`Problem`]; the rest is read all the same, so that one bad
//! file hides nothing. Names are relative to the root, with `/`.

mod problem;
mod read;
mod root;
mod teams;
mod walk;

pub use problem::{Problem, Problems};
pub use root::{Root, SYSTEM_FILE};
pub use teams::{of as team_of, team_folders};

/// A fragment: its name and its text.
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
    /// The fragments that could be read, in the order of their names.
    pub fragments: Vec<Fragment>,
    /// What is wrong with the others.
    pub problems: Problems,
}

impl Root {
    /// Reads every fragment below the root.
    pub fn sources(&self) -> Sources {
        let mut problems = Problems::default();
        let mut names = walk::fragments(self, &mut problems);
        names.sort();
        let fragments = names
            .into_iter()
            .filter_map(|name| match read::text(&self.path().join(&name)) {
                Ok(text) => Some(Fragment { name, text }),
                Err(failure) => {
                    problems.push(failure.problem(name));
                    None
                }
            })
            .collect();
        Sources {
            fragments,
            problems,
        }
    }
}
