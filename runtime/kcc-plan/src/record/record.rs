//! [`Record`]: reads and changes the record of a scope, and holds its lock.
//!
//! The lock is a part of the head. Whoever takes it increments the epoch, and every
//! later change of the head is a comparison with the version that the holder itself
//! wrote last: a holder that was paused until another took the lock over cannot write.
//! A lock ends by the store's clock, which all commands share. The holder stops earlier:
//! its [`Fence`] closes while there is time left.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    future::Future,
    sync::{self, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_lower::{Desired, EngineDesired};
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
    ApplyReport, ArtifactStore, Blob, Cancel, Error, Event, Intent, Options, Reporter, Request,
    Scope, Silent, Store, StoredHead, Swap, Version,
    archive::{Added, Archive},
    fail_points,
    revision::{
        self, ArchivedHistory, Change, Clocks, FoundRevision, History, HistoryNow, Preparation,
        RecordedOutcome, Revision, RevisionId,
    },
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
    /// The content of the revision that this command may write.
    preparation: sync::Mutex<Option<Preparation>>,
    /// The history with the entry that this command added.
    recording: sync::Mutex<Option<Recording>>,
}

/// A history with the entry of a command that has begun.
#[derive(Debug, Clone)]
struct Recording {
    history: History,
    /// The number of the entry.
    number: u64,
    /// The outcome of the command, once it has ended.
    outcome: Option<RecordedOutcome>,
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
            preparation: sync::Mutex::new(None),
            recording: sync::Mutex::new(None),
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
    /// asks this afterwards: it may have seen a half-done change. A head without content
    /// does not count as at rest either: a command was killed while it removed the
    /// record, and the next one that takes the lock removes the rest. Read-only.
    pub async fn is_at_rest(&self, epoch: u64) -> Result<bool, Error> {
        let stored = self.store.head().await?;
        let head = self.parse(&stored)?;
        let remains = head.is_empty() && stored != StoredHead::default();
        Ok(head.epoch == epoch && !remains && self.holder(&stored).await?.is_none())
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
        let locked = self.lock(command, options, reporter, cancel);
        fail_points::around("record", "lock", locked).await?;
        // Made meanwhile, and used if the task changes anything.
        *lock(&self.preparation) = options.revisions.as_ref().map(Preparation::begin);
        let result = tokio::select! {
            result = task => result,
            never = self.renew_forever(reporter, cancel) => match never {},
        };
        fail_points::around("record", "unlock", self.unlock()).await;
        result
    }

    /// Stores an intent, and the revision that it brings about. Call it under the lock,
    /// before the first mutation.
    pub async fn begin(&self, intent: &Intent, change: Change) -> Result<(), Error> {
        self.fence.check()?;
        let (recording, mut blobs) = match change {
            // A restart does not need the history, which may be damaged.
            Change::None => (None, Vec::new()),
            change => {
                let (recording, blobs) = self.add_entry(change).await?;
                (Some(recording), blobs)
            }
        };
        let history = recording.as_ref().map(|recording| recording.history.blob());
        let digest = history.as_ref().map(|blob| blob.digest().clone());
        let intent = value(&Intent {
            revision: recording.as_ref().map(|recording| recording.number),
            ..intent.clone()
        });
        let intent_digest = intent.digest().clone();
        blobs.extend(history);
        blobs.push(intent);
        self.fence.check()?;
        fail_points::around("record", "put", self.store.put(&blobs)).await?;
        let write = self.write(|head| {
            head.intent = Some(intent_digest);
            head.history = digest.or(head.history.take());
        });
        fail_points::around("record", "intent", write).await?;
        *self.recording() = recording;
        Ok(())
    }

    /// Adds a change to the history. Returns also the blobs of a new revision.
    async fn add_entry(&self, change: Change) -> Result<(Recording, Vec<Blob>), Error> {
        let mut history = self.own_history().await?;
        let started = self.clocks().await?;
        let mut blobs = Vec::new();
        match change {
            Change::None => {}
            Change::Removal(removal) => history.remove(started, removal),
            Change::Revision(new) => {
                let preparation = lock(&self.preparation).take();
                let preparation = preparation.ok_or_else(|| fence::lost("it is not held"))?;
                let mut prepared = preparation.end().await;
                if let Some(archived) = prepared.archived.take()
                    && history.entries.is_empty()
                {
                    history = archived.history;
                    history.trim(self.store.retained());
                    self.put_blobs_of(&history, archived.blobs).await?;
                }
                let written = revision::write(&self.store, &history, *new, prepared, started);
                let written = written.await?;
                blobs = written.blobs;
                history.entries.push(written.entry);
            }
        }
        history.trim(self.store.retained());
        let recording = Recording {
            number: history.last().map_or(0, |entry| entry.number),
            history,
            outcome: None,
        };
        Ok((recording, blobs))
    }

    /// Takes the report of the command that has begun, which [`Record::end`] adds to its
    /// entry in the history.
    pub fn report(&self, report: &ApplyReport) {
        if let Some(recording) = &mut *self.recording() {
            recording.outcome = Some(RecordedOutcome::new(recording.number, report));
        }
    }

    /// Takes the identities of the images that run after the command that has begun, by
    /// reference.
    pub fn images(&self, images: BTreeMap<String, BTreeSet<String>>) {
        let mut recording = self.recording();
        let outcome = recording.as_mut();
        if let Some(outcome) = outcome.and_then(|recording| recording.outcome.as_mut()) {
            outcome.images = images;
        }
    }

    fn recording(&self) -> MutexGuard<'_, Option<Recording>> {
        lock(&self.recording)
    }

    /// Stores an inventory, unless there is nothing to say, and removes the intent. Call
    /// it under the lock, after the last mutation.
    pub async fn end<I: Serialize>(&self, inventory: Option<&I>) -> Result<(), Error> {
        let inventory = match inventory {
            Some(inventory) => Some(self.store_value(inventory).await?),
            None => None,
        };
        let recording = self.recording().take();
        let history = match recording {
            Some(recording) => Box::pin(self.ended(recording)).await.map(Some),
            None if self.rebuilds => Box::pin(self.rebuild_history()).await.map(Some),
            None => self.own_history().await.map(Some),
        };
        // A history that is damaged stays as it is, with every blob.
        let history = match history {
            Err(error) if error.code == Code::StateDamaged => None,
            history => history?,
        };
        let blob = history.as_ref().map(History::blob);
        let mut digest = None;
        if let (Some(blob), Some(history)) = (blob, &history)
            && !history.entries.is_empty()
        {
            digest = Some(blob.digest().clone());
            self.fence.check()?;
            fail_points::around("record", "put", self.store.put(&[blob])).await?;
        }
        let mut retained: BTreeSet<_> = inventory.iter().chain(&digest).cloned().collect();
        let write = self.write(|head| {
            head.inventory = inventory;
            head.intent = None;
            head.history = digest.or(head.history.take());
        });
        fail_points::around("record", "inventory", write).await?;
        if let Some(history) = history {
            retained.extend(history.blobs().cloned());
            // A blob that cannot be removed harms nobody, and the next apply tries again.
            let _ = fail_points::around("record", "retain", self.retain(&retained)).await;
        }
        Ok(())
    }

    /// Adds the result of a command to its entry. Without a report it stays open.
    async fn ended(&self, recording: Recording) -> Result<History, Error> {
        let Recording {
            mut history,
            number,
            outcome,
        } = recording;
        let entry = history.get_mut(number);
        if let (Some(entry), Some(outcome)) = (entry, outcome) {
            let details = outcome.blob();
            entry.ended = Some(self.clocks().await?);
            entry.result = Some(outcome.result(details.digest()));
            self.fence.check()?;
            fail_points::around("record", "put", self.store.put(&[details])).await?;
        }
        Ok(history)
    }

    /// Returns the time by the clocks of this machine and of the store.
    async fn clocks(&self) -> Result<Clocks, Error> {
        Ok(Clocks {
            client: Timestamp::now(),
            engine: self.store.now().await?,
        })
    }

    /// Reads the history of the head that this command wrote last.
    async fn own_history(&self) -> Result<History, Error> {
        let held = self.held.lock().await;
        let digest = held.as_ref().and_then(|held| held.head.history.clone());
        drop(held);
        match digest {
            None => Ok(History::default()),
            Some(digest) => match self.store.get(&digest).await? {
                Some(blob) => History::parse(&blob),
                None => Err(damaged("its history is not there")),
            },
        }
    }

    /// Reads the history.
    pub async fn history(&self) -> Result<HistoryNow, Error> {
        let mut before = self.store.head().await?;
        for _ in 0..READS {
            let Some(digest) = self.parse(&before)?.history else {
                return self.at_present(&before, History::default()).await;
            };
            if let Some(blob) = self.store.get(&digest).await? {
                return self.at_present(&before, History::parse(&blob)?).await;
            }
            // Another command may have removed it after it wrote the next head.
            let now = self.store.head().await?;
            if now == before {
                break;
            }
            before = now;
        }
        Err(damaged("its history is not there"))
    }

    async fn at_present(&self, head: &StoredHead, history: History) -> Result<HistoryNow, Error> {
        Ok(HistoryNow {
            history,
            runs: self.holder(head).await?.is_some(),
            now: self.store.now().await?,
        })
    }

    /// Returns true if the revision in force has other objects than the desired ones. The
    /// engine may have them all the same: somebody else made the change that the fragments
    /// declare by now. Without a revision there is nothing to be outdated.
    pub async fn is_outdated(&self, desired: &Desired, options: &Options) -> Result<bool, Error> {
        let source = options.revisions.as_ref();
        // Work on some components leaves the others as they are.
        let Some(source) = source.filter(|_| options.request == Request::Apply) else {
            return Ok(false);
        };
        let history = self.history().await?.history;
        let Some(manifest) = history.last().and_then(|entry| entry.manifest()) else {
            return Ok(false);
        };
        let fragments = revision::fragments_of(&self.store, manifest).await?;
        if fragments == source.fragments() {
            return Ok(false);
        }
        let revision = Revision::load(&self.store, manifest).await?;
        let mut recorded = revision.content.lowered(&revision.manifest.scope).desired;
        if let (EngineDesired::Kubernetes(recorded), EngineDesired::Kubernetes(here)) =
            (&mut recorded.engine, &desired.engine)
        {
            // Whoever applied it may have another name for the cluster.
            recorded.context.clone_from(&here.context);
        }
        Ok(recorded != *desired)
    }

    /// Reads the revision that a user names, and the one before it if that is retained.
    pub async fn revision(&self, scope: &Scope, id: RevisionId) -> Result<FoundRevision, Error> {
        let history = self.history().await?;
        let entry = history.history.find(id, scope, history.now)?.clone();
        let missing = || damaged("a revision has no manifest");
        let revision = Revision::load(&self.store, entry.manifest().ok_or_else(missing)?).await?;
        let outcome = match &entry.result {
            Some(result) => Some(revision::load_outcome(&self.store, entry.number, result).await?),
            None => None,
        };
        let number = revision.manifest.parent.as_ref().map(|(number, _)| *number);
        let parent = number.and_then(|number| history.history.get(number)?.manifest());
        let parent = match parent {
            Some(parent) => Some(Revision::load(&self.store, parent).await?),
            None => None,
        };
        Ok(FoundRevision {
            history,
            entry,
            revision,
            parent,
            outcome,
        })
    }

    /// Reads the history of the revisions that changed a component.
    pub async fn history_of(&self, component: &str) -> Result<HistoryNow, Error> {
        let mut now = self.history().await?;
        let mut before: Option<&Digest> = None;
        let mut changed = BTreeSet::new();
        for entry in &now.history.entries {
            let Some(manifest) = entry.manifest() else {
                continue;
            };
            let known = entry
                .changes()
                .and_then(|changes| changes.components.as_ref());
            let is_changed = if let Some(names) = known {
                names.contains(component)
            } else {
                let hash = revision::hash_of(&self.store, manifest, component).await?;
                let old = match before {
                    Some(before) => revision::hash_of(&self.store, before, component).await?,
                    None => None,
                };
                hash != old
            };
            before = Some(manifest);
            if is_changed {
                changed.insert(entry.number);
            }
        }
        let entries = &mut now.history.entries;
        entries.retain(|entry| changed.contains(&entry.number));
        Ok(now)
    }

    /// Adds what an archive lacks of the history.
    pub async fn archive<A: ArtifactStore>(
        &self,
        scope: &Scope,
        archive: &Archive<A>,
    ) -> Result<Added, Error> {
        let now = self.history().await?;
        archive
            .add(scope, &now.history, now.runs, &self.store)
            .await
    }

    /// Adds one entry of the history to an archive that may lack it.
    pub async fn archive_entry<A: ArtifactStore>(
        &self,
        scope: &Scope,
        archive: &Archive<A>,
        number: u64,
    ) -> Result<Added, Error> {
        let mut history = self.history().await?.history;
        history.entries.retain(|entry| entry.number == number);
        archive.add(scope, &history, false, &self.store).await
    }

    /// Adds older entries of an archive to the history, under the lock, which it takes.
    /// Returns their number. They stay until the next apply leaves out what the store
    /// does not retain.
    pub async fn import(
        &self,
        scope: &Scope,
        archived: ArchivedHistory,
        options: &Options,
    ) -> Result<usize, Error> {
        let import = async {
            let mut history = self.own_history().await?;
            if history.entries.is_empty() {
                let message = format!("{scope} has no history to add to");
                let help = format!("bring it back with `{}`", scope.command("history restore"));
                return Err(Error::new(Code::StateArchive, message).help(help));
            }
            let added = history.extend(archived.history, scope)?;
            self.put_blobs_of(&history, archived.blobs).await?;
            self.write_history(&history).await?;
            Ok(added)
        };
        let cancel = Cancel::new();
        self.locked("an import", options, &Silent, &cancel, import)
            .await
    }

    /// Removes all but the last entries and the last complete one from the history, under
    /// the lock, which it takes. Returns their number.
    pub async fn prune(&self, retained: usize, options: &Options) -> Result<usize, Error> {
        let prune = async {
            let mut history = self.own_history().await?;
            let before = history.entries.len();
            history.trim(retained);
            if history.entries.len() < before {
                let digest = self.write_history(&history).await?;
                let own = self.held.lock().await;
                let head = own.as_ref().map(|held| held.head.clone());
                drop(own);
                let head = head.unwrap_or_default();
                let named = head.inventory.into_iter().chain(head.intent);
                let mut retained: BTreeSet<_> = named.chain([digest]).collect();
                retained.extend(history.blobs().cloned());
                self.retain(&retained).await?;
            }
            Ok(before - history.entries.len())
        };
        let cancel = Cancel::new();
        self.locked("a prune", options, &Silent, &cancel, prune)
            .await
    }

    /// Stores those of some blobs that a history names.
    async fn put_blobs_of(&self, history: &History, mut blobs: Vec<Blob>) -> Result<(), Error> {
        let named: BTreeSet<_> = history.blobs().collect();
        blobs.retain(|blob| named.contains(blob.digest()));
        self.fence.check()?;
        self.store.put(&blobs).await
    }

    async fn write_history(&self, history: &History) -> Result<Digest, Error> {
        let blob = history.blob();
        let digest = blob.digest().clone();
        self.fence.check()?;
        self.store.put(&[blob]).await?;
        self.write(|head| head.history = Some(digest.clone()))
            .await?;
        Ok(digest)
    }

    /// Reads the history from the revisions in the store, whatever the head says.
    async fn rebuild_history(&self) -> Result<History, Error> {
        let known = match self.own_history().await {
            Err(error) if error.code != Code::StateDamaged => return Err(error),
            known => known.unwrap_or_default(),
        };
        revision::rebuild(&self.store, known).await
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
    async fn retain(&self, retained: &BTreeSet<Digest>) -> Result<(), Error> {
        for digest in self.store.blobs().await? {
            if !retained.contains(&digest) {
                self.fence.check()?;
                fail_points::around("record", "remove", self.store.remove(&digest)).await?;
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
        let write = self.write(|head| (head.inventory, head.intent) = (inventory, intent));
        fail_points::around("record", "adopt", write).await
    }

    async fn store_value<T: Serialize>(&self, value: &T) -> Result<Digest, Error> {
        self.fence.check()?;
        let blob = self::value(value);
        let digest = blob.digest().clone();
        fail_points::around("record", "put", self.store.put(&[blob])).await?;
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
            let empty = next.is_empty()
                && self.retain(&BTreeSet::new()).await.is_ok()
                && self.store.clear().await.is_ok();
            let _ = self.replace(&held, (!empty).then_some(&next)).await;
            if empty {
                // Another command may have kept something meanwhile.
                let _ = self.store.clear().await;
            }
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
    /// A call without an answer may have succeeded, and the stored bytes tell. So may a
    /// renewal that was dropped at the end of its command; then the lock in the stored
    /// head is still this command's.
    async fn replace(&self, held: &Held, next: Option<&Head>) -> Result<Replaced, Error> {
        let bytes = next.map(Head::bytes);
        let mut previous = held.version.clone();
        loop {
            let swap = self.store.swap(&previous, bytes.as_deref());
            let failure = match fail_points::around("record", "swap", swap).await {
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

fn lock<T>(mutex: &sync::Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the blob of a value.
fn value<T: Serialize>(value: &T) -> Blob {
    // Plain structs with text keys always serialise.
    Blob::new(serde_json::to_vec(value).unwrap_or_default())
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
