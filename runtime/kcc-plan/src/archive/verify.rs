//! Verifies an archive: digests, sizes, formats and parents.

use std::collections::{BTreeMap, BTreeSet};

use kcc_lock::Digest;
use serde::Serialize;

use super::{Archive, Archived};
use crate::{ArtifactStore, Error, Scope, revision::load_outcome};

/// The result of verifying an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The numbers of the entries that are whole, by scope.
    pub scopes: BTreeMap<String, BTreeSet<u64>>,
    /// The number of entries.
    pub entries: usize,
    /// The number of different blobs.
    pub blobs: usize,
    /// Everything that is wrong.
    pub damages: Vec<Damage>,
}

/// An entry that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The name of its artifact, with the number.
    pub name: String,
    /// The reason, in one line.
    pub why: String,
}

impl<A: ArtifactStore> Archive<A> {
    /// Reads everything in the archive and compares it with its digests and sizes, reads
    /// every revision, and compares each with its parent, if that is there.
    pub async fn verify(&self) -> Result<Verified, Error> {
        let names = self.artifacts().names().await?;
        let mut verified = Verified::default();
        let mut whole: BTreeSet<Digest> = BTreeSet::new();
        let mut entries: Vec<(Archived, Option<(u64, Digest)>)> = Vec::new();
        for name in names.iter().filter(|name| Archived::is_name(name)) {
            let checked = async {
                let Some(archived) = self.read(name, &names).await? else {
                    return Ok(None);
                };
                for content in archived.contents() {
                    if !whole.contains(&content.digest) {
                        self.blob(name, content).await?;
                        whole.insert(content.digest.clone());
                    }
                }
                let parent = self.check_formats(&archived).await?;
                Ok::<_, Error>(Some((archived, parent)))
            };
            match checked.await {
                Ok(archived) => entries.extend(archived),
                Err(error) => verified.damages.push(Damage {
                    name: name.clone(),
                    why: error.chain(),
                }),
            }
        }
        verified.entries = entries.len() + verified.damages.len();
        verified.blobs = whole.len();
        for (archived, _) in &entries {
            let numbers = verified.scopes.entry(archived.scope.to_string());
            numbers.or_default().insert(archived.entry.number);
        }
        verified.damages.extend(orphans(&entries));
        Ok(verified)
    }

    /// Reads the revision and the outcome of an entry. Returns the parent.
    async fn check_formats(&self, archived: &Archived) -> Result<Option<(u64, Digest)>, Error> {
        if let Some(result) = &archived.entry.result {
            load_outcome(&self.content(archived), archived.entry.number, result).await?;
        }
        if archived.entry.manifest().is_none() {
            return Ok(None);
        }
        Ok(self.revision(archived).await?.manifest.parent)
    }
}

/// Finds the revisions whose parent is another one than that in the archive. An archive
/// need not have all parents: a record retains only the last revisions.
fn orphans(entries: &[(Archived, Option<(u64, Digest)>)]) -> Vec<Damage> {
    let mut manifests: BTreeMap<(&Scope, u64), BTreeSet<&Digest>> = BTreeMap::new();
    for (archived, _) in entries {
        if let Some(manifest) = archived.entry.manifest() {
            let key = (&archived.scope, archived.entry.number);
            manifests.entry(key).or_default().insert(manifest);
        }
    }
    let damages = entries.iter().filter_map(|(archived, parent)| {
        let (number, parent) = parent.as_ref()?;
        let known = manifests.get(&(&archived.scope, *number))?;
        (!known.contains(parent)).then(|| Damage {
            name: archived.name.clone(),
            why: format!("revision {number} in the archive is not its parent"),
        })
    });
    damages.collect()
}
