//! [`DockerStore`]: keeps the record of a scope in volumes of the engine, whose labels
//! hold it. It needs no image and no container, and nothing in a home directory.
//!
//! A volume's labels never change, and creating a volume that exists returns the one
//! that exists: creating is comparing and setting. Heads are therefore numbered. The
//! next one is claimed by creating its volume, and names the nonce of the one it
//! follows. A head that follows one that is gone was written too late by a command that
//! had been overtaken; it does not count, and its number is skipped. A volume is never
//! removed to make room, because removing compares nothing.

#[cfg(test)]
mod interleavings;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use kcc_lock::Digest;
use kcc_plan::{
    Blob, Error, Options, Scope, Store, StoredHead, Swap, Version,
    journal::{self, Segment, SegmentStore},
    random_secret,
};

use crate::{client::Client, endpoint::Endpoint};

/// The label of every volume of a record; its value is the scope.
const RECORD: &str = "dev.kcc.record";
/// The labels of a head: its nonce, that of the head it follows (empty if it follows
/// none), and its content (none if it removed the record).
const NONCE: &str = "dev.kcc.record.nonce";
const PREVIOUS: &str = "dev.kcc.record.previous";
const HEAD: &str = "dev.kcc.record.head";
/// The label of a blob, followed by its hash; its value is the packed blob.
const BLOB: &str = "dev.kcc.record.blob.";
/// The label of a segment of the journal; its value is the packed segment.
const SEGMENT: &str = "dev.kcc.record.journal";

/// The most packed bytes of a journal. Every listing of volumes has all their labels.
const JOURNAL: usize = 256 << 10;

/// The number of heads before the current one that stay. A head is compared with the one
/// before it, and a listing lasts a moment.
const PREDECESSORS: u64 = 2;
/// The most numbers that heads which do not count may take in a row.
const SKIPPED: u64 = 100;
/// The time in which old heads are removed after a new one. Later their numbers could
/// belong to a record that has been removed and begun again.
const REMOVAL: Duration = Duration::from_secs(5);

/// The labels of a volume.
type Labels = HashMap<String, String>;

/// The calls of an engine that a record needs.
pub trait Volumes {
    /// Lists the labels of the volumes that have all these labels, each with a value
    /// (`label=value`) or any, by the volumes' names.
    fn labelled(
        &self,
        labels: Vec<String>,
    ) -> impl Future<Output = Result<BTreeMap<String, Labels>, Error>>;

    /// Creates a volume unless there is one of this name, and returns the labels of the
    /// one that is there then. Of several callers exactly one finds its own.
    fn claim(&self, name: &str, labels: Labels) -> impl Future<Output = Result<Labels, Error>>;

    /// Removes a volume, if it is there.
    fn release(&self, name: &str) -> impl Future<Output = Result<(), Error>>;

    /// Returns the engine's time.
    fn time(&self) -> impl Future<Output = Result<Timestamp, Error>>;
}

impl Volumes for Arc<Client> {
    async fn labelled(&self, labels: Vec<String>) -> Result<BTreeMap<String, Labels>, Error> {
        self.labelled_volumes(labels).await
    }

    async fn claim(&self, name: &str, labels: Labels) -> Result<Labels, Error> {
        self.claim_volume(name, labels).await
    }

    async fn release(&self, name: &str) -> Result<(), Error> {
        self.release_volume(name).await
    }

    async fn time(&self) -> Result<Timestamp, Error> {
        self.engine_time().await
    }
}

/// The record of a scope in a Docker engine.
pub type DockerStore = VolumeStore<Arc<Client>>;

/// The record of a scope in volumes.
#[derive(Debug, Clone)]
pub struct VolumeStore<V> {
    volumes: V,
    /// The scope, as the value of a label and as a part of names.
    scope: String,
    name: String,
}

/// A head in a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StoredVolume {
    nonce: String,
    previous: String,
    content: Option<String>,
}

type Heads = BTreeMap<u64, StoredVolume>;

impl DockerStore {
    /// Connects to the engine that the options name.
    pub async fn connect(scope: &Scope, options: &Options) -> Result<Self, Error> {
        let client = Client::connect(&Endpoint::of(options)?).await?;
        Ok(Self::new(Arc::new(client), scope))
    }
}

impl<V: Volumes> VolumeStore<V> {
    pub(crate) fn new(volumes: V, scope: &Scope) -> Self {
        let mut parts = vec![scope.system.as_str(), &scope.target];
        parts.extend(scope.instance.as_deref());
        Self {
            volumes,
            scope: parts.join("/"),
            name: parts.join("."),
        }
    }

    /// Returns the label that marks the objects of this record.
    pub(crate) fn label(&self) -> (String, String) {
        (RECORD.to_owned(), self.scope.clone())
    }

    /// Returns the name of something that belongs to this record. The dots keep it
    /// apart from the objects of components.
    pub(crate) fn object(&self, kind: &str) -> String {
        format!("kcc-{kind}.{}", self.name)
    }

    fn head_name(&self, number: u64) -> String {
        format!("{}.{number}", self.object("head"))
    }

    fn blob_name(&self, digest: &Digest) -> String {
        format!("{}.{}", self.object("blob"), digest.hex())
    }

    fn segment_name(&self, digest: &Digest) -> String {
        format!("{}.{}", self.object("journal"), digest.hex())
    }

    /// Lists the volumes of this record; with a label only those that have it.
    async fn own(&self, label: Option<&str>) -> Result<BTreeMap<String, Labels>, Error> {
        let mut labels = vec![format!("{RECORD}={}", self.scope)];
        labels.extend(label.map(str::to_owned));
        self.volumes.labelled(labels).await
    }

    async fn heads(&self) -> Result<Heads, Error> {
        let prefix = format!("{}.", self.object("head"));
        let volumes = self.own(Some(NONCE)).await?.into_iter();
        Ok(volumes
            .filter_map(|(name, labels)| {
                let number = name.strip_prefix(&prefix)?.parse().ok()?;
                Some((number, StoredVolume::of(labels)?))
            })
            .collect())
    }

    /// Claims the first free number after one, and returns it; none if another head
    /// follows the same one.
    async fn claim(&self, after: u64, new: &StoredVolume) -> Result<Option<u64>, Error> {
        for number in after + 1..=after + SKIPPED {
            let labels = self.labels(new);
            let there = self.volumes.claim(&self.head_name(number), labels).await?;
            match StoredVolume::of(there) {
                Some(there) if there == *new => return Ok(Some(number)),
                Some(there) if there.previous == new.previous => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }

    fn labels(&self, head: &StoredVolume) -> Labels {
        let mut labels = HashMap::from([
            self.label(),
            (NONCE.to_owned(), head.nonce.clone()),
            (PREVIOUS.to_owned(), head.previous.clone()),
        ]);
        labels.extend(head.content.clone().map(|text| (HEAD.to_owned(), text)));
        labels
    }

    async fn forget(&self, numbers: impl IntoIterator<Item = u64>) -> Result<(), Error> {
        for number in numbers {
            self.volumes.release(&self.head_name(number)).await?;
        }
        Ok(())
    }
}

impl StoredVolume {
    fn of(mut labels: Labels) -> Option<Self> {
        Some(Self {
            nonce: labels.remove(NONCE)?,
            previous: labels.remove(PREVIOUS)?,
            content: labels.remove(HEAD),
        })
    }
}

/// Returns true if a head counts: it follows nothing, or one that is there, or it removed
/// the record and those before it.
fn counts(heads: &Heads, number: u64) -> bool {
    heads.get(&number).is_some_and(|head| {
        let mut before = heads.range(..number).map(|(_, before)| &before.nonce);
        head.previous.is_empty() || head.content.is_none() || before.any(|b| *b == head.previous)
    })
}

/// Returns the number of the current head: the last one that counts.
fn current(heads: &Heads) -> Option<u64> {
    let mut numbers = heads.keys().rev().copied();
    numbers.find(|number| counts(heads, *number))
}

/// The version of a head: its number and its nonce.
fn version(number: u64, nonce: &str) -> Version {
    Version(format!("{number} {nonce}"))
}

/// Returns the number and the nonce of the head before a new one. After a removed
/// record, and without one, heads follow nothing.
fn parse(version: &Version) -> (u64, &str) {
    let (number, nonce) = version.0.split_once(' ').unwrap_or_default();
    (number.parse().unwrap_or_default(), nonce)
}

impl<V: Volumes> Store for VolumeStore<V> {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        for blob in blobs {
            let label = format!("{BLOB}{}", blob.digest().hex());
            let packed = BASE64.encode(blob.packed());
            let name = self.blob_name(blob.digest());
            let labels = HashMap::from([self.label(), (label.clone(), packed)]);
            let there = self.volumes.claim(&name, labels.clone()).await?;
            if there.get(&label) != labels.get(&label) {
                // The engine was killed while it created the volume.
                self.volumes.release(&name).await?;
                self.volumes.claim(&name, labels).await?;
            }
        }
        Ok(())
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        let label = format!("{BLOB}{}", digest.hex());
        let mut found = self.own(Some(&label)).await?.into_values();
        let Some(packed) = found.find_map(|mut labels| labels.remove(&label)) else {
            return Ok(None);
        };
        // Text that is not base64 cannot be unpacked either.
        let packed = BASE64.decode(packed).unwrap_or_default();
        Blob::unpack(digest, &packed).map(Some)
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        let volumes = self.own(None).await?.into_values();
        let hex = |labels: Labels| {
            let mut labels = labels.into_keys();
            labels.find_map(|label| label.strip_prefix(BLOB).and_then(Digest::from_hex))
        };
        Ok(volumes.filter_map(hex).collect())
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        self.volumes.release(&self.blob_name(digest)).await
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        let mut heads = self.heads().await?;
        let current = current(&heads);
        let Some((number, head)) = current.and_then(|number| heads.remove_entry(&number)) else {
            return Ok(StoredHead::default());
        };
        // Nothing follows a head that removed the record.
        let nonce = head.content.as_ref().map_or("", |_| head.nonce.as_str());
        Ok(StoredHead {
            version: version(number, nonce),
            bytes: head.content.map(String::into_bytes),
        })
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        let begin = Instant::now();
        let (before, nonce) = parse(previous);
        let new = StoredVolume {
            nonce: random_secret("record")?,
            previous: nonce.to_owned(),
            content: next.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        };
        let Some(number) = self.claim(before, &new).await? else {
            return Ok(Swap::Lost);
        };
        let heads = self.heads().await?;
        if nonce.is_empty() {
            // It counts by itself, so it has to be the only one beside what is left of a
            // removed record.
            let left = heads.get(&before).map_or(0, |_| before);
            let mut others = heads.range(left + 1..).map(|(other, _)| *other);
            let followed = heads.values().any(|head| head.previous == new.nonce);
            if !followed && others.any(|other| other != number && counts(&heads, other)) {
                self.forget([number]).await?;
                return Ok(Swap::Lost);
            }
        }
        if current(&heads) != Some(number) {
            return Ok(Swap::Lost);
        }
        let last = match next {
            Some(_) => number.saturating_sub(PREDECESSORS + 1),
            None => number,
        };
        let old = heads.into_keys().filter(|other| *other <= last);
        self.forget(old.take_while(|_| begin.elapsed() < REMOVAL))
            .await?;
        let nonce = next.map_or("", |_| new.nonce.as_str());
        Ok(Swap::Done(version(number, nonce)))
    }

    fn retained(&self) -> usize {
        // Listing volumes lists all their labels.
        10
    }

    async fn clear(&self) -> Result<(), Error> {
        journal::clear(self).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.volumes.time().await
    }
}

impl<V: Volumes> SegmentStore for VolumeStore<V> {
    fn limit(&self) -> usize {
        JOURNAL
    }

    async fn segments(&self) -> Result<Vec<Segment>, Error> {
        let prefix = format!("{}.", self.object("journal"));
        let volumes = self.own(Some(SEGMENT)).await?.into_iter();
        let segment = |(name, mut labels): (String, Labels)| {
            let digest = Digest::from_hex(name.strip_prefix(&prefix)?)?;
            // Text that is not base64 cannot be unpacked either.
            let packed = BASE64.decode(labels.remove(SEGMENT)?).unwrap_or_default();
            Some(Segment { digest, packed })
        };
        Ok(volumes.filter_map(segment).collect())
    }

    async fn add(&self, segment: &Blob) -> Result<(), Error> {
        let content = (SEGMENT.to_owned(), BASE64.encode(segment.packed()));
        let labels = HashMap::from([self.label(), content]);
        let name = self.segment_name(segment.digest());
        self.volumes.claim(&name, labels).await.map(drop)
    }

    async fn discard(&self, digest: &Digest) -> Result<(), Error> {
        self.volumes.release(&self.segment_name(digest)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(all: &[(u64, &str, &str)]) -> Heads {
        let volume = |nonce: &str, previous: &str| StoredVolume {
            nonce: nonce.to_owned(),
            previous: previous.to_owned(),
            content: (!nonce.starts_with("removed")).then(|| "{}".to_owned()),
        };
        all.iter()
            .map(|(number, nonce, previous)| (*number, volume(nonce, previous)))
            .collect()
    }

    #[test]
    fn the_last_head_that_follows_another_is_the_current_one() {
        assert_eq!(current(&heads(&[])), None);
        assert_eq!(current(&heads(&[(1, "a", "")])), Some(1));
        assert_eq!(current(&heads(&[(4, "d", "c"), (5, "e", "d")])), Some(5));
        // A command that was overtaken wrote after others had gone on, or had removed
        // the record.
        assert_eq!(
            current(&heads(&[(1, "x", ""), (2, "y", "x"), (9, "i", "h")])),
            Some(2)
        );
        assert_eq!(
            current(&heads(&[(2, "y", "x"), (3, "z", "y"), (4, "d", "c")])),
            Some(3)
        );
        assert_eq!(current(&heads(&[(9, "i", "h")])), None);
        // The next head skips the number of one that does not count.
        assert_eq!(
            current(&heads(&[(1, "x", ""), (2, "d", "c"), (3, "y", "x")])),
            Some(3)
        );
        // The heads of a removed record may be there in part.
        assert_eq!(
            current(&heads(&[(7, "g", "f"), (8, "removed", "g")])),
            Some(8)
        );
        assert_eq!(current(&heads(&[(8, "removed", "g")])), Some(8));
        assert_eq!(
            current(&heads(&[(8, "removed", "g"), (9, "i", "")])),
            Some(9)
        );
    }
}
