//! [`SimulatedStore`]: a record in memory, behind faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kcc_lock::Digest;
use kcc_plan::{Blob, Error, Store, StoredHead, Swap, Version};
use tokio::time::Instant;

use super::fault::Faults;

/// A connection of one command to a record in memory.
#[derive(Debug, Clone)]
pub(super) struct SimulatedStore {
    content: Arc<Mutex<Content>>,
    faults: Faults,
}

#[derive(Debug)]
struct Content {
    version: u64,
    head: Option<Vec<u8>>,
    blobs: BTreeMap<Digest, Blob>,
    begin: Instant,
}

impl SimulatedStore {
    /// Creates an empty record. Its clock is that of the runtime.
    pub(super) fn new() -> Self {
        let content = Content {
            version: 0,
            head: None,
            blobs: BTreeMap::new(),
            begin: Instant::now(),
        };
        Self {
            content: Arc::new(Mutex::new(content)),
            faults: Faults::none(),
        }
    }

    /// Connects another command, whose calls meet these faults.
    #[must_use]
    pub(super) fn connect(&self, faults: &Faults) -> Self {
        Self {
            content: Arc::clone(&self.content),
            faults: faults.clone(),
        }
    }

    /// Returns the number of the head.
    pub(super) fn version(&self) -> u64 {
        self.content(|content| content.version)
    }

    fn content<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn call<T: Send>(
        &self,
        mut change: impl FnMut(&mut Content) -> T + Send,
    ) -> Result<T, Error> {
        let effect = || Ok(self.content(&mut change));
        self.faults.call(|| Ok(()), effect).await
    }
}

impl Default for SimulatedStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for SimulatedStore {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        for blob in blobs {
            self.call(|content| {
                content.blobs.insert(blob.digest().clone(), blob.clone());
            })
            .await?;
        }
        Ok(())
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        self.call(|content| content.blobs.get(digest).cloned())
            .await
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        self.call(|content| content.blobs.keys().cloned().collect())
            .await
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        self.call(|content| drop(content.blobs.remove(digest)))
            .await
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        self.call(|content| StoredHead {
            version: Version(content.version.to_string()),
            bytes: content.head.clone(),
        })
        .await
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        self.call(|content| {
            let current = content.version.to_string();
            let first = previous.0.is_empty() && content.version == 0;
            if previous.0 != current && !first {
                return Swap::Lost;
            }
            content.version += 1;
            content.head = next.map(<[u8]>::to_vec);
            Swap::Done(Version(content.version.to_string()))
        })
        .await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.call(|content| {
            let passed = content.begin.elapsed().max(Duration::from_millis(1));
            Timestamp::UNIX_EPOCH + passed
        })
        .await
    }
}
