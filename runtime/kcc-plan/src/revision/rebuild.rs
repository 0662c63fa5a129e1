//! [`rebuild`]: makes a history from the revisions that are in a store, after the blob of
//! the history or the head of the record was lost.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::{
    Changes, Entry, EntryKind, History, Manifest, RecordedOutcome,
    header::{self, Header, Kind},
    history::Result as EntryResult,
};
use crate::{Error, Store};

/// Adds the revisions in a store to a history, and leaves out those that are damaged.
pub(crate) async fn rebuild<S: Store>(store: &S, mut history: History) -> Result<History, Error> {
    let stored = store.blobs().await?;
    let mut results = BTreeMap::new();
    let mut found = Vec::new();
    for digest in &stored {
        let blob = match store.get(digest).await {
            Ok(Some(blob)) => blob,
            Err(error) if error.code != Code::StateDamaged => return Err(error),
            _ => continue,
        };
        let is = |kind| Header::of(blob.bytes()).is_some_and(|header| header.is(kind));
        if is(Kind::Manifest) {
            let manifest: Manifest = header::parse(&blob, Kind::Manifest)?;
            found.push((digest.clone(), manifest));
        } else if is(Kind::Outcome) {
            let outcome = RecordedOutcome::parse(&blob)?;
            results.insert(outcome.number, outcome.result(digest));
        }
    }
    for (digest, manifest) in found {
        if history.get(manifest.number).is_none() {
            history.entries.push(Entry {
                number: manifest.number,
                kind: EntryKind::Revision {
                    blobs: manifest.blobs().cloned().collect(),
                    manifest: digest,
                    changes: Changes::unknown(),
                    rolls_back_to: manifest.rolls_back_to,
                },
                started: manifest.started,
                ended: None,
                who: manifest.who,
                message: manifest.message,
                result: results.remove(&manifest.number),
            });
        }
    }
    history.entries.retain(|entry| match &entry.kind {
        EntryKind::Removed {} => true,
        EntryKind::Revision {
            manifest, blobs, ..
        } => blobs
            .iter()
            .chain([manifest])
            .all(|blob| stored.contains(blob)),
    });
    for entry in &mut history.entries {
        let lost = |result: &EntryResult| !stored.contains(&result.details);
        if entry.result.as_ref().is_some_and(lost) {
            entry.result = None;
        }
    }
    history.entries.sort_by_key(|entry| entry.number);
    Ok(history)
}
