//! [`Record`]: reads and changes the record of a scope, and holds its lock.
//!
//! The lock is a part of the head. Whoever takes it increments the epoch, and every
//! later change of the head is a comparison with the version that the holder itself
//! wrote last: a holder that was paused until another took the lock over cannot write.
//! A lock ends by the store's clock, which all commands share. The holder stops earlier:
//! its [`Fence`] closes while there is time left.

use std::{convert::Infallible, future::Future, time::Duration};

use kcc_diag::Code;
use kcc_lock::Digest;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{
    blob::damaged,
    fence::{self, Fence, Moment},
    head::Head,
    holder::Holder,
};
use crate::{
    Blob, Cancel, Error, Event, Intent, Options, Reporter, Silent, Store, StoredHead, Swap, Version,
};

/// The part of a lease in which the holder begins calls; they end in the rest of it.
const USED: Duration = Duration::from_secs(15);
/// The interval of renewing the lock.
const RENEW: Duration = Duration::from_secs(5);
/// The interval of looking if a lock that another command holds is free.
const LOOK: Duration = Duration::from_millis(250);
/// The number of attempts to read blobs that a change of the record removes meanwhile.
const READS: usize = 5;

/// The record of one scope in a store.
pub struct Record<S> {
    store: S,
    fence: Fence,
    /// True if what is damaged counts as missing, because it is about to be rebuilt.
    rebuilds: bool,
    /// The head that this command wrote last, while it holds the lock.
    held: Mutex<Option<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    version: Version,
    head: Head,
}

/// A value that the head refers to.
enum Fetched<T> {
    /// The value; none if the head names no blob.
    Value(Option<T>),
    /// The store lacks the blob that the head names.
    Missing,
}

/// The content of a record at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<I> {
    /// The number of times that the lock was taken: it tells whether a command has
    /// changed the target since.
    pub epoch: u64,
    /// The inventory of the last apply.
    pub inventory: Option<I>,
    /// The intent of a running or interrupted apply.
    pub intent: Option<Intent>,
}

impl<I> Default for Snapshot<I> {
    fn default() -> Self {
        Self {
            epoch: 0,
            inventory: None,
            intent: None,
        }
    }
}

impl<S: Store> Record<S> {
    /// Creates the record in a store. `fence` is what all changing calls pass.
    pub fn new(store: S, fence: Fence) -> Self {
        Self {
            store,
            fence,
            rebuilds: false,
            held: Mutex::new(None),
        }
    }

    /// Lets what is damaged count as missing, so that it can be rebuilt.
    #[must_use]
    pub fn rebuilding(mut self) -> Self {
        self.rebuilds = true;
        self
    }

    fn parse(&self, stored: &StoredHead) -> Result<Head, Error> {
        match Head::parse(stored.bytes.as_deref()) {
            Err(error) if self.rebuilds && error.code == Code::StateDamaged => Ok(Head::default()),
            head => head,
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Returns true if there is neither an inventory nor an intent. What cannot be read
    /// is there.
    pub async fn is_absent(&self) -> Result<bool, Error> {
        let stored = self.store.head().await?;
        Ok(Head::parse(stored.bytes.as_deref()).is_ok_and(|head| head.is_empty()))
    }

    /// Reads the inventory and the intent.
    pub async fn read<I: DeserializeOwned>(&self) -> Result<Snapshot<I>, Error> {
        let mut before = self.store.head().await?;
        for _ in 0..READS {
            let head = self.parse(&before)?;
            let epoch = head.epoch;
            let inventory = self.fetch(head.inventory.as_ref()).await?;
            let intent = self.fetch(head.intent.as_ref()).await?;
            if let (Fetched::Value(inventory), Fetched::Value(intent)) = (inventory, intent) {
                return Ok(Snapshot {
                    epoch,
                    inventory,
                    intent,
                });
            }
            // Another command may have removed them after it wrote the next head.
            let now = self.store.head().await?;
            if now == before {
                break;
            }
            before = now;
        }
        Err(damaged("its head names blobs that are not there"))
    }

    async fn fetch<T: DeserializeOwned>(
        &self,
        digest: Option<&Digest>,
    ) -> Result<Fetched<T>, Error> {
        let Some(digest) = digest else {
            return Ok(Fetched::Value(None));
        };
        let value = match self.store.get(digest).await {
            Ok(Some(blob)) => serde_json::from_slice(blob.bytes())
                .map_err(|error| damaged(&format!("blob `{digest}`: {error}"))),
            Ok(None) if self.rebuilds => return Ok(Fetched::Value(None)),
            Ok(None) => return Ok(Fetched::Missing),
            Err(error) => Err(error),
        };
        match value {
            Err(error) if self.rebuilds && error.code == Code::StateDamaged => {
                Ok(Fetched::Value(None))
            }
            value => value.map(|value| Fetched::Value(Some(value))),
        }
    }

    /// Fails if another command is changing the target. Read-only.
    pub async fn check_unlocked(&self) -> Result<(), Error> {
        let stored = self.store.head().await?;
        match self.holder(&stored).await? {
            Some(holder) => Err(holder.held()),
            None => Ok(()),
        }
    }

    /// Returns true if no other command has changed the target since the epoch, and none
    /// is changing it. A command that observes without the lock and finds nothing to do
    /// asks this afterwards: it may have seen a half-done change. Read-only.
    pub async fn is_at_rest(&self, epoch: u64) -> Result<bool, Error> {
        let stored = self.store.head().await?;
        Ok(self.parse(&stored)?.epoch == epoch && self.holder(&stored).await?.is_none())
    }

    /// Waits until no other command is changing the target, as long as the options
    /// say. Read-only.
    pub async fn wait_until_unlocked(
        &self,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        self.unlocked(options, reporter, cancel).await.map(drop)
    }

    /// Runs a task under the lock, which it takes for a command such as `an apply`. The
    /// lock is renewed meanwhile, and released in any case.
    pub async fn locked<T>(
        &self,
        command: &str,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
        task: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.lock(command, options, reporter, cancel).await?;
        let result = tokio::select! {
            result = task => result,
            never = self.renew_forever(reporter, cancel) => match never {},
        };
        self.unlock().await;
        result
    }

    /// Stores an intent. Call it under the lock, before the first mutation.
    pub async fn begin(&self, intent: &Intent) -> Result<(), Error> {
        let digest = self.store_value(intent).await?;
        self.write(|head| head.intent = Some(digest)).await
    }

    /// Stores an inventory, unless there is nothing to say, and removes the intent. Call
    /// it under the lock, after the last mutation.
    pub async fn end<I: Serialize>(&self, inventory: Option<&I>) -> Result<(), Error> {
        let inventory = match inventory {
            Some(inventory) => Some(self.store_value(inventory).await?),
            None => None,
        };
        let retained: Vec<_> = inventory.iter().cloned().collect();
        self.write(|head| {
            head.inventory = inventory;
            head.intent = None;
        })
        .await?;
        // A blob that cannot be removed harms nobody, and the next apply tries again.
        let _ = self.retain(&retained).await;
        Ok(())
    }

    /// Stores an inventory under the lock, which it takes, unless another command has
    /// changed the target since the epoch or is changing it: that one records its own
    /// result.
    pub async fn end_unchanged<I: Serialize>(
        &self,
        epoch: u64,
        inventory: &I,
        options: &Options,
    ) -> Result<(), Error> {
        let store = async {
            let stored = self.store.head().await?;
            // The lock was taken once since, by this command.
            if self.parse(&stored)?.epoch == epoch + 1 {
                self.end(Some(inventory)).await?;
            }
            Ok(())
        };
        let (noun, cancel) = (options.request.noun(), Cancel::new());
        match self.locked(noun, options, &Silent, &cancel, store).await {
            Err(error) if error.code == Code::ApplyLockHeld => Ok(()),
            stored => stored,
        }
    }

    /// Removes all blobs but these. What a command stores that has taken the lock over is
    /// safe: the fence is closed by then.
    async fn retain(&self, retained: &[Digest]) -> Result<(), Error> {
        for digest in self.store.blobs().await? {
            if !retained.contains(&digest) {
                self.fence.check()?;
                self.store.remove(&digest).await?;
            }
        }
        Ok(())
    }

    /// Takes over what an earlier version of kcc recorded elsewhere. Call it under the
    /// lock.
    pub async fn adopt<I: Serialize>(&self, recorded: &Snapshot<I>) -> Result<(), Error> {
        let inventory = match &recorded.inventory {
            Some(inventory) => Some(self.store_value(inventory).await?),
            None => None,
        };
        let intent = match &recorded.intent {
            Some(intent) => Some(self.store_value(intent).await?),
            None => None,
        };
        self.write(|head| (head.inventory, head.intent) = (inventory, intent))
            .await
    }

    async fn store_value<T: Serialize>(&self, value: &T) -> Result<Digest, Error> {
        self.fence.check()?;
        // Plain structs with text keys always serialise.
        let blob = Blob::new(serde_json::to_vec(value).unwrap_or_default());
        let digest = blob.digest().clone();
        self.store.put(&[blob]).await?;
        Ok(digest)
    }

    /// Returns who holds a stored lock that has not ended.
    async fn holder(&self, stored: &StoredHead) -> Result<Option<Holder>, Error> {
        let Some(holder) = self.parse(stored)?.lock else {
            return Ok(None);
        };
        let free = holder.is_gone() || holder.until <= self.store.now().await?;
        Ok((!free).then_some(holder))
    }

    /// Waits for a head without a lock, and returns it.
    async fn unlocked(
        &self,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<StoredHead, Error> {
        let begin = Instant::now();
        let mut noted = false;
        loop {
            let stored = self.store.head().await?;
            let Some(holder) = self.holder(&stored).await? else {
                return Ok(stored);
            };
            if begin.elapsed() >= options.lock_timeout || cancel.is_cancelled() {
                return Err(holder.held());
            }
            if !noted {
                let text = &format!("waiting for the lock: {}", holder.describe());
                reporter.event(&Event::Note { text });
                noted = true;
            }
            sleep(LOOK).await;
        }
    }

    async fn lock(
        &self,
        command: &str,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        let mut held = self.held.lock().await;
        loop {
            let stored = self.unlocked(options, reporter, cancel).await?;
            let begin = Moment::now();
            let now = self.store.now().await?;
            let mut next = self.parse(&stored)?;
            let before = Held {
                version: stored.version,
                head: next.clone(),
            };
            next.epoch += 1;
            next.lock = Some(Holder::new(command, options, now)?);
            next.renew(now);
            if let Replaced::By(version) = self.replace(&before, Some(&next)).await? {
                self.fence.open_until(begin, USED);
                *held = Some(Held {
                    version,
                    head: next,
                });
                return Ok(());
            }
        }
    }

    /// Renews the lock until dropped. If the lock is lost, cancels the command.
    async fn renew_forever(&self, reporter: &dyn Reporter, cancel: &Cancel) -> Infallible {
        loop {
            sleep(RENEW).await;
            // Without an answer the fence closes by itself.
            let _ = self.renew().await;
            if let Err(error) = self.fence.check() {
                let text = &format!("{}: starting no further operations", error.message);
                reporter.event(&Event::Note { text });
                cancel.cancel();
                std::future::pending::<()>().await;
            }
        }
    }

    /// Releases the lock. If that fails, it ends by itself.
    async fn unlock(&self) {
        let mut held = self.held.lock().await;
        if let Some(held) = held.take() {
            let mut next = held.head.clone();
            next.lock = None;
            let empty = next.is_empty() && self.retain(&[]).await.is_ok();
            let _ = self.replace(&held, (!empty).then_some(&next)).await;
        }
        self.fence.open();
    }

    /// Renews the lock. If the record has been removed meanwhile, as with its namespace,
    /// nobody else can hold it.
    async fn renew(&self) -> Result<(), Error> {
        let begin = Moment::now();
        if let Replaced::Gone = self.try_write(|_| {}).await? {
            self.fence.open_until(begin, USED);
        }
        Ok(())
    }

    /// Changes the head and renews the lock; fails if the lock is lost.
    async fn write(&self, change: impl FnOnce(&mut Head)) -> Result<(), Error> {
        match self.try_write(change).await? {
            Replaced::By(_) => Ok(()),
            Replaced::Gone => Err(fence::lost("somebody has removed the record")),
            Replaced::Lost => Err(fence::lost("another command has taken it over")),
        }
    }

    async fn try_write(&self, change: impl FnOnce(&mut Head)) -> Result<Replaced, Error> {
        let mut held = self.held.lock().await;
        self.fence.check()?;
        let Some(before) = held.as_ref() else {
            return Err(fence::lost("it is not held"));
        };
        let begin = Moment::now();
        let mut next = before.head.clone();
        change(&mut next);
        next.renew(self.store.now().await?);
        let replaced = self.replace(before, Some(&next)).await?;
        match &replaced {
            Replaced::By(version) => {
                self.fence.open_until(begin, USED);
                let version = version.clone();
                *held = Some(Held {
                    version,
                    head: next,
                });
            }
            Replaced::Gone => {}
            Replaced::Lost => {
                self.fence.close();
                *held = None;
            }
        }
        Ok(replaced)
    }

    /// Replaces a head.
    ///
    /// A call without an answer may have succeeded, and the stored bytes tell. A renewal
    /// that was dropped when its command ended may have succeeded too; then the lock in
    /// the stored head is still this command's.
    async fn replace(&self, held: &Held, next: Option<&Head>) -> Result<Replaced, Error> {
        let bytes = next.map(Head::bytes);
        let mut previous = held.version.clone();
        loop {
            let failure = match self.store.swap(&previous, bytes.as_deref()).await {
                Ok(Swap::Done(version)) => return Ok(Replaced::By(version)),
                Ok(Swap::Lost) => None,
                Err(error) => Some(error),
            };
            let stored = self.store.head().await?;
            if stored.bytes == bytes {
                return Ok(Replaced::By(stored.version));
            }
            match failure {
                Some(error) if stored.version == previous => return Err(error),
                _ if stored.bytes.is_none() => return Ok(Replaced::Gone),
                _ if !held.is_own(&stored) || stored.version == previous => {
                    return Ok(Replaced::Lost);
                }
                _ => previous = stored.version,
            }
        }
    }
}

/// The outcome of replacing a head.
enum Replaced {
    /// The head is the one that was meant, and has this version.
    By(Version),
    /// There is no record any more.
    Gone,
    /// The head is what another command made it.
    Lost,
}

impl Held {
    /// Returns true if a stored head was written under the same lock.
    fn is_own(&self, stored: &StoredHead) -> bool {
        let stored = Head::parse(stored.bytes.as_deref());
        let (Ok(stored), Some(own)) = (stored, &self.head.lock) else {
            return false;
        };
        stored.lock.is_some_and(|lock| lock.is_same(own))
    }
}
