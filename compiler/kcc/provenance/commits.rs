//! The commits of lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    Line,
    git::{self, Commit},
};

/// Sets the commit of every line that is in a fragment.
pub fn annotate<'a>(root: &Path, lines: impl Iterator<Item = &'a mut Line>) {
    let lines: Vec<&mut Line> = lines.filter(|line| line.is_fragment()).collect();
    if lines.is_empty() || !git::in_repository(root) {
        return;
    }
    let mut wanted: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for line in &lines {
        wanted
            .entry(line.file.clone())
            .or_default()
            .insert(line.line);
    }
    let known: BTreeMap<String, BTreeMap<usize, Commit>> = wanted
        .into_iter()
        .map(|(file, numbers)| {
            // git fails for untracked files: their lines are not committed.
            let commits = git::blame_file(root, None, &file, &numbers).unwrap_or_default();
            (file, commits)
        })
        .collect();
    for line in lines {
        line.commit = Some(known[&line.file].get(&line.line).cloned());
    }
}
