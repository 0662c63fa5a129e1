//! [`Archive`]: adds entries of a history to an archive, and reads them back.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use serde::Serialize;

use super::archived::{Archived, damaged};
use crate::{
    ArtifactStore, Blob, BlobSource, Descriptor, Error, Scope,
    revision::{ArchivedHistory, History, Revision, RevisionId},
};

/// The number of artifacts that are read at once.
const PARALLEL: usize = 8;

/// The revisions of scopes in a place for artifacts.
pub struct Archive<A> {
    artifacts: A,
}

/// A revision in an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedRevision {
    /// The revision.
    pub revision: Revision,
    /// The history of its scope in the archive, with all blobs.
    pub history: ArchivedHistory,
}

/// The numbers of the entries that were added to an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Those that are new there.
    #[serde(rename = "added")]
    pub entries: Vec<u64>,
    /// Those that were there already.
    pub present: usize,
}

impl<A: ArtifactStore> Archive<A> {
    /// Uses a place for artifacts.
    pub fn new(artifacts: A) -> Self {
        Self { artifacts }
    }

    /// Returns the place.
    pub fn artifacts(&self) -> &A {
        &self.artifacts
    }

    /// Adds what the archive lacks of a history whose blobs are in a store. `running`
    /// says that the command of the last entry still runs: it is left out.
    pub async fn add<S: BlobSource>(
        &self,
        scope: &Scope,
        history: &History,
        running: bool,
        store: &S,
    ) -> Result<Added, Error> {
        let names = self.artifacts.names().await?;
        let mut added = Added::default();
        let mut sizes: BTreeMap<Digest, u64> = BTreeMap::new();
        let ended = history.entries.len() - usize::from(running && !history.entries.is_empty());
        for entry in &history.entries[..ended] {
            let name = Archived::name_of(scope, entry);
            let outcome = entry.ended.zip(entry.result.as_ref());
            let lacks_outcome =
                outcome.is_some() && !names.contains(&Archived::outcome_name(&name));
            if names.contains(&name) && !lacks_outcome {
                added.present += 1;
                continue;
            }
            let get = async |digest: &Digest| {
                let blob = store.fetch(digest).await?;
                blob.ok_or_else(|| {
                    let message = format!(
                        "blob `{digest}` of revision {} of {scope} is not there",
                        entry.number
                    );
                    Error::new(Code::StateDamaged, message)
                })
            };
            let (mut content, mut blobs) = (Vec::new(), Vec::new());
            for digest in entry.blobs() {
                if !sizes.contains_key(digest) {
                    let blob = get(digest).await?;
                    sizes.insert(digest.clone(), blob.bytes().len() as u64);
                    blobs.push(blob);
                }
                content.push((digest.clone(), sizes[digest]));
            }
            let artifact = Archived::artifact(scope, entry, &content);
            blobs.push(artifact.config);
            let put = self.artifacts.put(&name, &artifact.manifest, &blobs);
            put.await?;
            if let Some((ended, result)) = outcome {
                let details = get(&result.details).await?;
                let outcome = Archived::outcome(&name, &artifact.manifest, ended, result, &details);
                let blobs = [details, outcome.config];
                let put = self.artifacts.put(&outcome.name, &outcome.manifest, &blobs);
                put.await?;
            }
            added.entries.push(entry.number);
        }
        Ok(added)
    }

    /// Lists the entries of a scope, or of all, by scope and time.
    pub async fn list(&self, scope: Option<&Scope>) -> Result<Vec<Archived>, Error> {
        let names = self.artifacts.names().await?;
        let prefix = scope.map(Archived::prefix).unwrap_or_default();
        let wanted = names
            .iter()
            .filter(|name| name.starts_with(&prefix) && Archived::is_name(name));
        let read = stream::iter(wanted).map(|name| self.read(name, &names));
        let read: Vec<Option<Archived>> = read.buffered(PARALLEL).try_collect().await?;
        let mut found: Vec<_> = read
            .into_iter()
            .flatten()
            .filter(|archived| scope.is_none_or(|scope| archived.scope == *scope))
            .collect();
        sort(&mut found);
        Ok(found)
    }

    /// Reads an entry with its result; none if the name is of something else.
    pub(super) async fn read(
        &self,
        name: &str,
        names: &BTreeSet<String>,
    ) -> Result<Option<Archived>, Error> {
        let manifest = self.artifacts.artifact(name).await?;
        let Some(manifest) = manifest.filter(Archived::is_entry) else {
            return Ok(None);
        };
        let config = self.blob(name, &manifest.config).await?;
        let mut archived = Archived::parse(name, &manifest, &config)?;
        let outcome = Archived::outcome_name(name);
        if names.contains(&outcome)
            && let Some(found) = self.artifacts.artifact(&outcome).await?
        {
            let config = self.blob(&outcome, &found.config).await?;
            archived.add_outcome(&manifest, &found, &config)?;
        }
        Ok(Some(archived))
    }

    /// Reads a blob of an artifact.
    pub(super) async fn blob(&self, name: &str, content: &Descriptor) -> Result<Blob, Error> {
        let blob = self.artifacts.get(content).await?;
        let missing = || damaged(name, &format!("`{}` is not there", content.digest));
        let blob = blob.ok_or_else(missing)?;
        if blob.bytes().len() as u64 != content.size {
            let why = format!("`{}` does not have {} bytes", content.digest, content.size);
            return Err(damaged(name, &why));
        }
        Ok(blob)
    }

    /// Reads the revision of an entry.
    pub async fn revision(&self, archived: &Archived) -> Result<Revision, Error> {
        let manifest = archived.entry.manifest().ok_or_else(|| {
            let message = format!(
                "{} is not a revision of {}: it was taken down then",
                archived.entry.number, archived.scope
            );
            Error::new(Code::StateNoRevision, message)
        })?;
        Revision::load(&self.content(archived), manifest).await
    }

    /// Finds a revision of a scope: the last one that was applied completely, unless
    /// another one is named. None if there are no entries of the scope.
    pub async fn find(
        &self,
        scope: &Scope,
        id: Option<RevisionId>,
    ) -> Result<Option<ArchivedRevision>, Error> {
        let entries = self.list(Some(scope)).await?;
        if entries.is_empty() {
            return Ok(None);
        }
        let history = self.history(&entries).await?;
        let mut newest = history.history.entries.iter().rev();
        let complete = newest.find(|entry| entry.is_complete());
        let entry = match (id, complete) {
            (None, Some(complete)) => complete,
            (id, _) => {
                let id = id.unwrap_or(RevisionId::Number(u64::MAX));
                history.history.find(id, scope, Timestamp::now())?
            }
        };
        let number = entry.number;
        let mut candidates = entries.iter().rev();
        let found = candidates.find(|archived| archived.entry.number == number);
        match found {
            Some(archived) => Ok(Some(ArchivedRevision {
                revision: self.revision(archived).await?,
                history,
            })),
            None => Ok(None),
        }
    }

    /// Returns the names of the artifacts of all but the last entries of each scope, and
    /// the last complete one.
    pub async fn old(&self, retained: usize) -> Result<Vec<[String; 2]>, Error> {
        let entries = self.list(None).await?;
        let mut old = Vec::new();
        for of_scope in entries.chunk_by(|one, other| one.scope == other.scope) {
            let complete = of_scope.iter().rposition(|one| one.entry.is_complete());
            let first = of_scope.len().saturating_sub(retained);
            let of_scope = of_scope[..first].iter().enumerate();
            let of_scope = of_scope.filter(|(at, _)| Some(*at) != complete);
            old.extend(of_scope.map(|(_, archived)| archived.names()));
        }
        Ok(old)
    }

    /// Returns the blobs of an entry.
    pub(super) fn content<'a>(&'a self, archived: &'a Archived) -> Content<'a, A> {
        Content {
            archive: self,
            archived,
        }
    }

    /// Returns the history that entries of one scope make, with all its blobs. Of two
    /// entries with one number the later one counts: the record was lost in between.
    pub async fn history(&self, entries: &[Archived]) -> Result<ArchivedHistory, Error> {
        let by_number: BTreeMap<u64, &Archived> = entries
            .iter()
            .map(|archived| (archived.entry.number, archived))
            .collect();
        let mut history = History::default();
        let mut blobs = BTreeMap::new();
        for archived in by_number.into_values() {
            history.entries.push(archived.entry.clone());
            for content in archived.contents() {
                if !blobs.contains_key(&content.digest) {
                    let blob = self.blob(&archived.name, content).await?;
                    blobs.insert(content.digest.clone(), blob);
                }
            }
        }
        Ok(ArchivedHistory {
            history,
            blobs: blobs.into_values().collect(),
        })
    }
}

/// Orders entries by scope and time.
pub(super) fn sort(entries: &mut [Archived]) {
    entries.sort_by(|one, other| {
        let key = |archived: &Archived| (archived.entry.started.engine, archived.entry.number);
        one.scope
            .cmp(&other.scope)
            .then_with(|| key(one).cmp(&key(other)))
    });
}

/// The blobs of one entry.
pub(super) struct Content<'a, A> {
    archive: &'a Archive<A>,
    archived: &'a Archived,
}

impl<A: ArtifactStore> BlobSource for Content<'_, A> {
    async fn fetch(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        match self.archived.content(digest) {
            Some(content) => {
                let blob = self.archive.blob(&self.archived.name, content);
                blob.await.map(Some)
            }
            None => Ok(None),
        }
    }
}
