//! Finds and reads the CODEOWNERS file of the repository.

use kcc_model::Codeowners;

use super::{Problems, Root, read};

/// The locations that GitHub searches, in this order, and the one that only GitLab
/// does; the first existing file counts.
const LOCATIONS: [&str; 4] = [
    ".github/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitlab/CODEOWNERS",
];

/// Reads the file if there is one. The repository is the nearest ancestor with
/// `.git`, or else the system's own directory.
pub(super) fn load(root: &Root, problems: &mut Problems) -> Option<Codeowners> {
    let mut ancestors = root.path().ancestors();
    let repository = ancestors.find(|dir| dir.join(".git").exists());
    let repository = repository.unwrap_or(root.path());
    let below = root.path().strip_prefix(repository).ok()?;
    let depth = below.iter().count();
    let mut prefix = String::new();
    for name in below {
        prefix = prefix + name.to_str()? + "/";
    }
    let location = LOCATIONS
        .into_iter()
        .find(|location| repository.join(location).is_file())?;
    let name = "../".repeat(depth) + location;
    match read::text(&repository.join(location)) {
        Ok(text) => Some(Codeowners::new(name, text, prefix)),
        Err(failure) => {
            problems.push(failure.problem(name));
            None
        }
    }
}
