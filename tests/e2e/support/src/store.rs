//! [`check_store`]: everything that a record relies on, checked on any store; and
//! [`Faulty`], a store that loses calls and answers.

use std::{cell::Cell, collections::BTreeSet, future::Future, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_plan::{
    Blob, Cancel, Error, Fence, Intent, Options, Record, Scope, Silent, Snapshot, Store,
    StoredHead, Swap, Version, revision::Change,
};
use serde_json::{Value, json};

/// A kind of store. Each connection is one of its own to the same record, which is empty
/// at first.
pub trait TestedStore {
    /// The store.
    type Store: Store;

    /// Connects to the record.
    fn connect(&self) -> impl Future<Output = Self::Store>;

    /// Changes the content of a stored blob, as nobody should.
    fn damage(&self, digest: &Digest) -> impl Future<Output = ()>;
}

/// The clients that want the same thing at the same time.
const CLIENTS: usize = 6;

/// Runs all checks. Nothing is left in the store.
pub async fn check_store(tested: &impl TestedStore) {
    // Boxed, because the futures would be too large for the stack of a case.
    Box::pin(blobs_are_stored_and_removed(tested)).await;
    Box::pin(one_of_several_swaps_succeeds(tested)).await;
    Box::pin(a_removed_record_can_be_written_again(tested)).await;
    Box::pin(one_command_at_a_time_changes_the_record(tested)).await;
    Box::pin(a_holder_that_was_overtaken_cannot_write(tested)).await;
    Box::pin(every_call_may_be_lost(tested)).await;
    Box::pin(a_damaged_blob_is_noticed_and_rebuilt(tested)).await;
    Box::pin(a_later_format_is_left_alone(tested)).await;
}

async fn blobs_are_stored_and_removed(tested: &impl TestedStore) {
    let store = tested.connect().await;
    // Too large for one part anywhere, and without any pattern to compress.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let blobs = [
        Blob::new(Vec::new()),
        Blob::new(b"{}".to_vec()),
        Blob::new(noise.take(1_300_000).collect()),
    ];
    store.put(&blobs).await.unwrap();
    let other = tested.connect().await;
    other.put(&blobs).await.unwrap();
    for blob in &blobs {
        assert_eq!(other.get(blob.digest()).await.unwrap().as_ref(), Some(blob));
    }
    let all: BTreeSet<_> = blobs.iter().map(|blob| blob.digest().clone()).collect();
    assert_eq!(store.blobs().await.unwrap(), all);
    for blob in &blobs {
        other.remove(blob.digest()).await.unwrap();
        other.remove(blob.digest()).await.unwrap();
        assert_eq!(store.get(blob.digest()).await.unwrap(), None);
    }
    assert_eq!(store.blobs().await.unwrap(), BTreeSet::new());
}

async fn one_of_several_swaps_succeeds(tested: &impl TestedStore) {
    let stores = join_all((0..CLIENTS).map(|_| tested.connect())).await;
    let mut last = StoredHead::default();
    for round in 0..8 {
        let contents: Vec<_> = (0..CLIENTS)
            .map(|client| format!("{{\"round\":{round},\"client\":{client}}}").into_bytes())
            .collect();
        let swaps = stores
            .iter()
            .zip(&contents)
            .map(|(store, content)| store.swap(&last.version, Some(content)));
        let done = join_all(swaps).await;
        let winners: Vec<_> = done
            .into_iter()
            .enumerate()
            .filter_map(|(client, swap)| match swap.unwrap() {
                Swap::Done(version) => Some((client, version)),
                Swap::Lost => None,
            })
            .collect();
        let [(client, version)] = &winners[..] else {
            panic!("round {round}: {winners:?}");
        };
        for store in &stores {
            let head = store.head().await.unwrap();
            assert_eq!(head.bytes.as_ref(), Some(&contents[*client]));
            assert_eq!(head.version, *version);
        }
        // A version from long ago does not match.
        let swap = stores[0].swap(&last.version, Some(b"{}")).await.unwrap();
        assert_eq!(swap, Swap::Lost);
        last.version.clone_from(version);
    }
    remove(&stores[0]).await;
}

/// Removes whatever head there is.
async fn remove(store: &impl Store) {
    let head = store.head().await.unwrap();
    let removed = store.swap(&head.version, None).await.unwrap();
    assert!(matches!(removed, Swap::Done(_)));
    assert_eq!(store.head().await.unwrap().bytes, None);
}

async fn a_removed_record_can_be_written_again(tested: &impl TestedStore) {
    let (store, paused) = (tested.connect().await, tested.connect().await);
    let mut version = Version::default();
    let mut versions = Vec::new();
    for step in 0..6 {
        let content = format!("{{\"step\":{step}}}").into_bytes();
        let Swap::Done(next) = store.swap(&version, Some(&content)).await.unwrap() else {
            panic!("nobody else writes");
        };
        version = next;
        versions.push(version.clone());
    }
    assert!(matches!(
        store.swap(&version, None).await.unwrap(),
        Swap::Done(_)
    ));
    // A command that was paused all the time brings nothing back.
    for version in &versions {
        let late = paused.swap(version, Some(b"{\"late\":true}")).await;
        assert_eq!(late.unwrap(), Swap::Lost);
        assert_eq!(store.head().await.unwrap().bytes, None);
    }
    let none = store.head().await.unwrap().version;
    for _ in 0..2 {
        let first = store.swap(&none, Some(b"{\"again\":true}")).await.unwrap();
        let Swap::Done(first) = first else {
            panic!("the record is free");
        };
        for version in &versions {
            let late = paused.swap(version, Some(b"{\"late\":true}")).await;
            assert_eq!(late.unwrap(), Swap::Lost);
            let head = store.head().await.unwrap();
            assert_eq!(head.bytes.as_deref(), Some(&b"{\"again\":true}"[..]));
        }
        assert!(matches!(
            store.swap(&first, None).await.unwrap(),
            Swap::Done(_)
        ));
    }
}

fn record<S: Store>(store: S) -> Record<S> {
    Record::new(store, Fence::default())
}

/// Runs a task under the lock of a record, for which it waits a while.
pub async fn locked<S: Store, T>(
    record: &Record<S>,
    task: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let options = Options {
        lock_timeout: Duration::from_mins(1),
        ..Options::default()
    };
    record
        .locked("a test", &options, &Silent, &Cancel::new(), task)
        .await
}

async fn one_command_at_a_time_changes_the_record(tested: &impl TestedStore) {
    let records: Vec<_> = join_all((0..CLIENTS).map(|_| tested.connect()))
        .await
        .into_iter()
        .map(record)
        .collect();
    let inside = Cell::new(0);
    let increments = records.iter().map(|record| {
        let inside = &inside;
        locked(record, async move {
            inside.set(inside.get() + 1);
            assert_eq!(inside.get(), 1, "two hold the lock");
            let before: Snapshot<Value> = record.read().await?;
            let count = before
                .inventory
                .map_or(0, |value| value["count"].as_u64().unwrap());
            record.begin(&intent(), Change::None).await?;
            record.end(Some(&json!({"count": count + 1}))).await?;
            inside.set(inside.get() - 1);
            Ok(())
        })
    });
    for done in join_all(increments).await {
        done.unwrap();
    }
    let after: Snapshot<Value> = records[0].read().await.unwrap();
    assert_eq!(after.inventory.unwrap()["count"], CLIENTS);
    assert_eq!((after.epoch, after.intent), (CLIENTS as u64, None));
    clear(tested).await;
}

fn intent() -> Intent {
    Intent {
        scope: Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
        },
        since: 7,
        revision: None,
        shared: BTreeSet::new(),
        operations: Vec::new(),
    }
}

/// Removes the record as the last command of a target does.
async fn clear(tested: &impl TestedStore) {
    let record = record(Later(tested.connect().await));
    locked(&record, record.end::<Value>(None)).await.unwrap();
    let store = tested.connect().await;
    assert_eq!(store.head().await.unwrap().bytes, None);
}

async fn a_holder_that_was_overtaken_cannot_write(tested: &impl TestedStore) {
    let paused = record(tested.connect().await);
    let other = record(Later(tested.connect().await));
    let held = locked(&paused, async {
        paused.begin(&intent(), Change::None).await?;
        // For the other one the lease is long over.
        let done = locked(&other, async {
            let found: Snapshot<Value> = other.read().await?;
            assert!(found.intent.is_some());
            let late = paused.end(Some(&json!({"by": "paused"}))).await;
            assert_eq!(late.unwrap_err().code, Code::ApplyLockLost);
            other.end(Some(&json!({"by": "other"}))).await
        });
        done.await?;
        let late = paused.begin(&intent(), Change::None).await.unwrap_err();
        assert_eq!(late.code, Code::ApplyLockLost);
        Ok(())
    });
    held.await.unwrap();
    let found: Snapshot<Value> = other.read().await.unwrap();
    assert_eq!(found.inventory.unwrap()["by"], "other");
    assert_eq!(found.intent, None);
    clear(tested).await;
}

/// Fails each call of an apply in turn, before and after it takes effect, alone and with
/// all that follow.
async fn every_call_may_be_lost(tested: &impl TestedStore) {
    let first = json!({"number": 0});
    let seed = record(tested.connect().await);
    locked(&seed, seed.end(Some(&first))).await.unwrap();
    let mut number = 0;
    for (lost, crashes) in [
        (Lost::Call, false),
        (Lost::Answer, false),
        (Lost::Call, true),
        (Lost::Answer, true),
    ] {
        for at in 0.. {
            number += 1;
            let store = Faulty::new(tested.connect().await, at, lost, crashes);
            let faulty = record(store);
            let (before, after) = (number - 1, number);
            let done = locked(&faulty, async {
                faulty.begin(&intent(), Change::None).await?;
                faulty.end(Some(&json!({"number": after}))).await
            });
            let done = done.await;
            let hit = faulty.store().hit();
            let next = record(Later(tested.connect().await));
            let found: Snapshot<Value> = next.read().await.unwrap();
            let recorded = found.inventory.unwrap()["number"].clone();
            match done {
                Ok(()) => assert_eq!((recorded, found.intent), (json!(after), None)),
                Err(_) => assert!(recorded == json!(before) || recorded == json!(after)),
            }
            // The next command goes on from there.
            let inventory = json!({"number": after});
            locked(&next, next.end(Some(&inventory))).await.unwrap();
            let found: Snapshot<Value> = next.read().await.unwrap();
            assert_eq!(found.inventory.unwrap()["number"], after);
            assert_eq!(found.intent, None);
            if !hit {
                break;
            }
        }
    }
    clear(tested).await;
}

async fn a_damaged_blob_is_noticed_and_rebuilt(tested: &impl TestedStore) {
    let healthy = record(tested.connect().await);
    let inventory = json!({"objects": ["web"]});
    let digest = Blob::new(serde_json::to_vec(&inventory).unwrap())
        .digest()
        .clone();
    locked(&healthy, healthy.end(Some(&inventory)))
        .await
        .unwrap();
    tested.damage(&digest).await;
    let error = healthy.read::<Value>().await.unwrap_err();
    assert_eq!(error.code, Code::StateDamaged);
    assert!(!healthy.is_absent().await.unwrap());
    let rebuilding = record(tested.connect().await).rebuilding();
    let found: Snapshot<Value> = rebuilding.read().await.unwrap();
    assert_eq!(found.inventory, None);
    locked(&rebuilding, rebuilding.end(Some(&inventory)))
        .await
        .unwrap();
    let found: Snapshot<Value> = healthy.read().await.unwrap();
    assert_eq!(found.inventory, Some(inventory));
    clear(tested).await;
}

async fn a_later_format_is_left_alone(tested: &impl TestedStore) {
    let store = tested.connect().await;
    let later = br#"{"format":3,"world":{}}"#;
    store.swap(&Version::default(), Some(later)).await.unwrap();
    let head = store.head().await.unwrap();
    let record = record(tested.connect().await);
    let read = record.read::<Value>().await.unwrap_err();
    let locked = locked(&record, async { Ok(()) }).await.unwrap_err();
    for error in [read, locked] {
        assert_eq!(error.code, Code::StateNewer);
    }
    assert_eq!(store.head().await.unwrap(), head);
    remove(&store).await;
}

/// A store an hour later: no lock is held any more.
struct Later<S>(S);

impl<S: Store> Store for Later<S> {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        self.0.put(blobs).await
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        self.0.get(digest).await
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        self.0.blobs().await
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        self.0.remove(digest).await
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        self.0.head().await
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        self.0.swap(previous, next).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.0.now().await? + Duration::from_hours(1))
    }
}

/// The part of a call that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The call has no effect.
    Call,
    /// The call takes effect, and nobody learns of it.
    Answer,
}

/// A store that loses one call, or that one and all that follow.
pub struct Faulty<S> {
    store: S,
    at: usize,
    lost: Lost,
    crashes: bool,
    calls: Cell<usize>,
}

impl<S: Store> Faulty<S> {
    /// Loses the call with this number, counted from 0.
    pub fn new(store: S, at: usize, lost: Lost, crashes: bool) -> Self {
        Self {
            store,
            at,
            lost,
            crashes,
            calls: Cell::new(0),
        }
    }

    /// Returns true if a call was lost.
    pub fn hit(&self) -> bool {
        self.calls.get() > self.at
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let number = self.calls.replace(self.calls.get() + 1);
        let failure = || Err(Error::new(Code::StateStore, "no answer"));
        if number > self.at && self.crashes {
            return failure();
        }
        if number == self.at {
            if self.lost == Lost::Answer {
                call.await?;
            }
            return failure();
        }
        call.await
    }
}

impl<S: Store> Store for Faulty<S> {
    async fn put(&self, blobs: &[Blob]) -> Result<(), Error> {
        self.call(self.store.put(blobs)).await
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        self.call(self.store.get(digest)).await
    }

    async fn blobs(&self) -> Result<BTreeSet<Digest>, Error> {
        self.call(self.store.blobs()).await
    }

    async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        self.call(self.store.remove(digest)).await
    }

    async fn head(&self) -> Result<StoredHead, Error> {
        self.call(self.store.head()).await
    }

    async fn swap(&self, previous: &Version, next: Option<&[u8]>) -> Result<Swap, Error> {
        self.call(self.store.swap(previous, next)).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.call(self.store.now()).await
    }
}
