//! Provenance as a revision records it: [`RecordedOrigins`] for the plan of a rollback,
//! and [`RolledBack`], the content of the revision that the rollback writes.

use std::{collections::BTreeMap, path::Path as FilePath, sync::Arc};

use kcc_lower::{
    Lowered,
    kubernetes::label::is_required,
    source::{Rendered, Source},
};
use kcc_plan::{
    Origin, Origins,
    revision::{
        ArchivedHistory, Content, ContentHash, DeclaredLine, Revision, RevisionSource, Role,
    },
};
use kcc_tree::Path;

use super::{
    git::{self, Commit},
    spelling::spellings,
};

/// The origins of the fields in the objects of a revision.
pub struct RecordedOrigins {
    revision: Arc<Revision>,
    objects: Vec<Rendered>,
}

/// The commits of the lines of a revision, as far as the repository still has them.
pub struct RecordedCommits<'a> {
    root: &'a FilePath,
    content: &'a Content,
    /// By file: the commits of its lines; none if the file was not committed like that.
    files: BTreeMap<String, Option<BTreeMap<usize, Commit>>>,
}

impl<'a> RecordedCommits<'a> {
    /// Creates the commits of a revision.
    pub fn of(root: &'a FilePath, content: &'a Content) -> Self {
        Self {
            root,
            content,
            files: BTreeMap::new(),
        }
    }

    /// Returns the commit that introduced a line.
    pub fn commit(&mut self, line: &DeclaredLine) -> Option<Commit> {
        self.commit_at(&line.file, line.line)
    }

    /// Returns the commit that introduced a line of a file.
    pub fn commit_at(&mut self, file: &str, line: usize) -> Option<Commit> {
        if !self.files.contains_key(file) {
            let commits = self.commits(file);
            self.files.insert(file.to_owned(), commits);
        }
        self.files[file].as_ref()?.get(&line).cloned()
    }

    fn commits(&self, file: &str) -> Option<BTreeMap<usize, Commit>> {
        let repositories = self.content.repositories.iter();
        // A repository inside another one is the nearer one.
        let repository = repositories
            .filter(|repository| FilePath::new(file).starts_with(&repository.directory))
            .max_by_key(|repository| repository.directory.len())?;
        let commit = repository.commit.as_deref()?;
        let root = self.root.join(&repository.directory);
        let below = FilePath::new(file).strip_prefix(&repository.directory);
        let below = below.ok()?.to_str()?;
        let text = git::text(&root, commit, below)?;
        if self.content.fragments.get(file) != Some(&ContentHash::of(text.as_bytes())) {
            return None;
        }
        let all = (1..=text.lines().count()).collect();
        git::blame_file(&root, Some(commit), below, &all)
    }
}

/// A revision that is applied again.
pub struct RolledBack(pub Arc<Revision>);

/// A revision of an archive that is applied again.
pub struct Restored {
    /// The revision.
    pub revision: Arc<Revision>,
    /// The history in the archive, which the target goes on with.
    pub history: ArchivedHistory,
}

impl RecordedOrigins {
    /// Creates the origins of a revision with its objects.
    pub fn new(revision: Arc<Revision>, lowered: &Lowered) -> Self {
        Self {
            revision,
            objects: lowered.objects(),
        }
    }

    /// Returns the first of the paths that a fragment sets, with the deciding line.
    fn declared(&self, paths: &[Path]) -> Option<(Path, &DeclaredLine)> {
        // The path of a whole component only tells who declared it.
        let paths = paths.iter().filter(|path| path.0.len() > 2);
        paths.flat_map(spellings).find_map(|path| {
            let line = {
                let mut values = self.revision.content.below(&path);
                values.find_map(|value| value.lines.iter().find(|line| decides(line)))
            };
            Some((path, line?))
        })
    }
}

fn decides(line: &DeclaredLine) -> bool {
    line.role != Role::Constraint
}

impl Origins for RecordedOrigins {
    fn of(&self, kind: &str, name: &str, field: &[String]) -> Origin {
        let mut objects = self.objects.iter();
        let object = objects.find(|object| object.kind == kind && object.name == name);
        let source = object.and_then(|object| object.source(&Path(field.to_vec())));
        let paths = match source {
            Some(Source::Model(paths)) if !is_required(field) => paths,
            Some(Source::Kcc(_)) if !is_required(field) => return Origin::Default,
            _ => return Origin::Required,
        };
        let Some((path, line)) = self.declared(&paths) else {
            return Origin::Default;
        };
        Origin::Fragment {
            path: path.to_string(),
            file: Some(line.file.clone()),
            line: Some(line.line),
            team: line.team.clone(),
            // The fragments may say something else by now.
            instead: None,
        }
    }
}

impl RevisionSource for RolledBack {
    fn content(&self) -> Content {
        self.0.content.clone()
    }

    fn rolls_back_to(&self) -> Option<u64> {
        Some(self.0.manifest.number)
    }
}

impl RevisionSource for Restored {
    fn content(&self) -> Content {
        self.revision.content.clone()
    }

    fn rolls_back_to(&self) -> Option<u64> {
        Some(self.revision.manifest.number)
    }

    fn archived(&self) -> Option<ArchivedHistory> {
        Some(self.history.clone())
    }
}
