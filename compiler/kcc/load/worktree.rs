//! [`instance_of`]: the name of the copy of a target that belongs to a git worktree.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::Root;

/// The most characters of a directory's name in the name of an instance.
const NAME: usize = 24;

/// Returns the instance for the worktree that contains a system: the name of its
/// directory, and four digits that follow from its path and the user. It is the same in
/// every directory of the worktree, and every day.
pub fn instance_of(root: &Root, user: &str) -> String {
    let path = root.path();
    let worktree = path.ancestors().find(|path| path.join(".git").exists());
    name(worktree.unwrap_or(path), user)
}

fn name(worktree: &Path, user: &str) -> String {
    let directory = worktree.file_name().unwrap_or_default().to_string_lossy();
    let words = directory.to_lowercase();
    let words = words
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-");
    name.truncate(NAME);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "copy-");
    }
    let identity = format!("{user} {}", worktree.display());
    let hash = Sha256::digest(identity.as_bytes());
    format!(
        "{}-{:02x}{:02x}",
        name.trim_end_matches('-'),
        hash[0],
        hash[1]
    )
}

#[cfg(test)]
mod tests {
    use kcc_model::is_label;

    use super::*;

    #[test]
    fn names_are_labels_and_differ() {
        let names: Vec<_> = [
            ("/work/shop", "ann"),
            ("/work/shop", "bob"),
            ("/work/Fix #12", "ann"),
            ("/work/2026_10", "ann"),
            (
                "/work/a-very-long-name-of-a-branch-that-somebody-made",
                "ann",
            ),
            ("/", "ann"),
            ("/work/ümläut", "ann"),
        ]
        .into_iter()
        .map(|(path, user)| name(Path::new(path), user))
        .collect();
        for name in &names {
            assert!(is_label(name) && name.len() <= 40, "{name}");
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1);
        }
        assert!(names[0].starts_with("shop-"));
        assert!(names[2].starts_with("fix-12-"));
        assert!(names[3].starts_with("copy-2026-10-"));
    }
}
