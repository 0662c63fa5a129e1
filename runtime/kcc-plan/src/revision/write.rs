//! [`write`]: makes the blobs of a new revision. What the revision before it has is not
//! written again.
//!
//! The first pack of a revision is its *base*: all components at one time. Changes go to
//! packs of their own. If those become many they are joined to one, and if too much of the
//! base is out of date everything is written to a new one. So the bytes of a change follow
//! its size, and a revision is read from a few blobs.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_model::Name;

use super::{
    Changes, Clocks, Entry, EntryKind, Fragments, History, Manifest, Removal,
    header::{self, Header, Kind},
    manifest::{Base, Located},
    pack::{self, Encoded, Pack},
    prepare::Prepared,
    read::{load, load_manifest},
};
use crate::{Blob, Error, Options, Request, Scope, Store, Who};

/// The most packs of one revision.
const PACKS: usize = 8;
/// The part of the components that may differ from the base, and how many may in any
/// case.
const OUTDATED: usize = 8;

/// The change of the desired state that a command makes.
pub enum Change {
    /// None: it restarts, starts or stops components.
    None,
    /// There is no desired state any more.
    Removal(Removal),
    /// A new desired state.
    Revision(Box<NewRevision>),
}

/// A revision to write, without its content.
pub struct NewRevision {
    scope: Scope,
    /// The components that the apply is limited to; the others stay as they are.
    only: Option<BTreeSet<Name>>,
    who: Who,
    message: Option<String>,
}

impl Change {
    /// Returns the change that the options ask for; `removes` says that a target is taken
    /// down. Without a source of revisions none is written.
    pub fn of(scope: &Scope, options: &Options, removes: bool) -> Self {
        let (who, message) = (Who::of(options), options.message.clone());
        match (&options.revisions, &options.request) {
            (_, Request::Apply) if removes => Self::Removal(Removal { who, message }),
            (Some(_), Request::Apply | Request::Only(_)) if !removes => {
                Self::Revision(Box::new(NewRevision {
                    scope: scope.clone(),
                    only: options.request.components().cloned(),
                    who,
                    message,
                }))
            }
            _ => Self::None,
        }
    }
}

/// The blobs of a new revision, and its entry in the history.
pub(crate) struct Written {
    pub(crate) blobs: Vec<Blob>,
    pub(crate) entry: Entry,
}

/// The revision before a new one.
struct Parent {
    number: u64,
    digest: Digest,
    manifest: Manifest,
    base: Base,
    components: BTreeMap<Name, Located>,
}

impl Parent {
    /// Reads the last revision of a history. One that is damaged cannot be shared with.
    async fn of<S: Store>(store: &S, history: &History) -> Result<Option<Self>, Error> {
        let mut last = history.entries.iter().rev();
        let Some((number, digest)) =
            last.find_map(|entry| Some((entry.number, entry.manifest()?.clone())))
        else {
            return Ok(None);
        };
        let read = async {
            let manifest = load_manifest(store, &digest).await?;
            let base: Base = load(store, &manifest.base, Kind::Base, number).await?;
            let components = manifest.components(&base);
            let stored = store.blobs().await?;
            let whole = manifest.packs.iter().all(|pack| stored.contains(pack));
            Ok::<_, Error>(whole.then_some((manifest, base, components)))
        };
        match read.await {
            Ok(read) => Ok(read.map(|(manifest, base, components)| Self {
                number,
                digest,
                manifest,
                base,
                components,
            })),
            Err(error) if error.code == Code::StateDamaged => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the records of some components from their packs.
    async fn records<S: Store>(
        &self,
        store: &S,
        names: &BTreeMap<Name, Located>,
    ) -> Result<BTreeMap<Name, Encoded>, Error> {
        let packs: BTreeSet<usize> = names.values().map(|located| located.pack).collect();
        let mut records = BTreeMap::new();
        for at in packs {
            let Some(digest) = self.manifest.packs.get(at) else {
                continue;
            };
            let mut pack: Pack = load(store, digest, Kind::Pack, self.number).await?;
            for (name, located) in names.iter().filter(|(_, located)| located.pack == at) {
                let Some(record) = pack.components.remove(name) else {
                    continue;
                };
                let mut record = Encoded::of(&record);
                // An earlier kcc may have written it in another form.
                record.hash = located.hash.clone();
                records.insert(name.clone(), record);
            }
        }
        Ok(records)
    }
}

/// Makes the blobs of a revision that follows those of a history.
pub(crate) async fn write<S: Store>(
    store: &S,
    history: &History,
    new: NewRevision,
    prepared: Prepared,
    started: Clocks,
) -> Result<Written, Error> {
    let parent = Parent::of(store, history).await?;
    let runs = history.last().is_some_and(Entry::leaves_something);
    let before = parent.as_ref().filter(|_| runs);
    let before = before.map(|parent| &parent.components);
    let nothing = BTreeMap::new();
    let before = before.unwrap_or(&nothing);

    let shared = prepared.shared;
    let mut fresh: BTreeMap<Name, Encoded> = BTreeMap::new();
    // The location of each component; those in `fresh` are in the new pack.
    let mut components: BTreeMap<Name, Located> = BTreeMap::new();
    if let Some(only) = &new.only {
        let others = before.iter().filter(|(name, _)| !only.contains(*name));
        components.extend(others.map(|(name, located)| (name.clone(), located.clone())));
    }
    let known = parent.as_ref().map(|parent| &parent.components);
    let selected = prepared.components.into_iter();
    for (name, (team, encoded)) in selected.filter(|(name, _)| {
        let only = new.only.as_ref();
        only.is_none_or(|only| only.contains(name))
    }) {
        let there = known.and_then(|known| known.get(&name));
        if let Some(there) = there.filter(|there| there.hash == encoded.hash) {
            components.insert(name, there.clone());
            continue;
        }
        let located = Located {
            team,
            hash: encoded.hash.clone(),
            pack: usize::MAX,
        };
        components.insert(name.clone(), located);
        fresh.insert(name, encoded);
    }
    let same_shared = parent
        .as_ref()
        .map(|parent| &parent.manifest.shared)
        .filter(|there| there.hash == shared.hash);
    let changes = changes(before, &components, runs && same_shared.is_none());

    let layout = Layout::of(parent.as_ref(), &components, same_shared, &fresh);
    // Records that move to the new pack from older ones.
    let moved: BTreeMap<Name, Located> = match &parent {
        Some(_) => components
            .iter()
            .filter(|(_, located)| located.pack != usize::MAX && !layout.stays(located.pack))
            .map(|(name, located)| (name.clone(), located.clone()))
            .collect(),
        None => BTreeMap::new(),
    };
    if let Some(parent) = &parent {
        fresh.extend(parent.records(store, &moved).await?);
    }
    let mut blobs = Vec::new();
    let mut packs: Vec<Digest> = match &parent {
        Some(parent) => parent.manifest.packs[..layout.packs].to_vec(),
        None => Vec::new(),
    };
    let at = packs.len();
    let new_shared = same_shared.is_none_or(|there| !layout.stays(there.pack));
    let located_shared = Located {
        team: Name::new(),
        hash: shared.hash.clone(),
        pack: match same_shared {
            Some(there) if !new_shared => there.pack,
            _ => at,
        },
    };
    if !fresh.is_empty() || new_shared {
        let pack = pack::join(fresh.iter(), new_shared.then_some(&shared));
        packs.push(pack.digest().clone());
        blobs.push(pack);
    }
    for name in fresh.keys() {
        if let Some(located) = components.get_mut(name) {
            located.pack = at;
        }
    }

    let fragments = &prepared.fragments;
    let old_base = parent.as_ref().filter(|_| layout.packs > 0);
    let old_base = old_base.map(|parent| &parent.base);
    let (base, base_digest) = match old_base {
        Some(base) if !are_many(differences(&base.fragments, fragments), fragments.len()) => {
            let digest = parent.as_ref().map(|parent| parent.manifest.base.clone());
            (base.clone(), digest)
        }
        _ => {
            let components = old_base.map_or(&components, |base| &base.components);
            let base = Base {
                header: Header::new(Kind::Base),
                components: components.clone(),
                fragments: fragments.clone(),
            };
            (base, None)
        }
    };
    let base_digest = base_digest.unwrap_or_else(|| {
        let blob = header::blob(&base);
        let digest = blob.digest().clone();
        blobs.push(blob);
        digest
    });

    let number = history.last().map_or(0, |entry| entry.number) + 1;
    let absent = |name: &&Name| !components.contains_key(*name);
    let removed = base.components.keys().filter(absent).cloned().collect();
    let gone = |name: &&String| !fragments.contains_key(*name);
    let removed_fragments = base.fragments.keys().filter(gone).cloned().collect();
    let manifest = Manifest {
        header: Header::new(Kind::Manifest),
        scope: new.scope,
        engine: prepared.engine,
        number,
        parent: parent.map(|parent| (parent.number, parent.digest)),
        started,
        who: new.who.clone(),
        message: new.message.clone(),
        rolls_back_to: prepared.rolls_back_to,
        only: new.only,
        kcc: env!("CARGO_PKG_VERSION").to_owned(),
        repositories: prepared.repositories,
        packs,
        changed: differing(&base.components, components),
        removed,
        shared: located_shared,
        changed_fragments: differing(&base.fragments, prepared.fragments),
        removed_fragments,
        base: base_digest,
    };
    let blob = header::blob(&manifest);
    let entry = Entry {
        number,
        kind: EntryKind::Revision {
            manifest: blob.digest().clone(),
            blobs: manifest.blobs().cloned().collect(),
            changes,
            rolls_back_to: prepared.rolls_back_to,
        },
        started,
        ended: None,
        who: new.who,
        message: new.message,
        result: None,
    };
    blobs.push(blob);
    Ok(Written { blobs, entry })
}

/// The packs of the parent that stay.
struct Layout {
    /// The number of packs from the first that stay.
    packs: usize,
}

impl Layout {
    fn of(
        parent: Option<&Parent>,
        components: &BTreeMap<Name, Located>,
        shared: Option<&Located>,
        fresh: &BTreeMap<Name, Encoded>,
    ) -> Self {
        let Some(parent) = parent else {
            return Self { packs: 0 };
        };
        let in_base = components.values().filter(|located| located.pack == 0);
        let in_base = in_base.count();
        let all = components.len().max(parent.base.components.len());
        if are_many(all - in_base, all) {
            return Self { packs: 0 };
        }
        let adds = !fresh.is_empty() || shared.is_none();
        let packs = parent.manifest.packs.len();
        if adds && packs >= PACKS {
            return Self { packs: 1 };
        }
        Self { packs }
    }

    fn stays(&self, pack: usize) -> bool {
        pack < self.packs
    }
}

/// Returns true if too many of the entries of a table differ from the base.
fn are_many(differ: usize, all: usize) -> bool {
    differ > OUTDATED && differ * OUTDATED > all
}

fn differences(base: &Fragments, now: &Fragments) -> usize {
    let changed = now
        .iter()
        .filter(|(name, hash)| base.get(*name) != Some(*hash));
    let removed = base.keys().filter(|name| !now.contains_key(*name));
    changed.count() + removed.count()
}

/// Returns the entries of a table that are not in its base.
fn differing<T: PartialEq>(
    base: &BTreeMap<String, T>,
    now: BTreeMap<String, T>,
) -> BTreeMap<String, T> {
    let changed = now.into_iter();
    changed
        .filter(|(name, value)| base.get(name) != Some(value))
        .collect()
}

fn changes(
    before: &BTreeMap<Name, Located>,
    now: &BTreeMap<Name, Located>,
    shared: bool,
) -> Changes {
    let mut changes = Changes {
        shared,
        components: Some(BTreeSet::new()),
        ..Changes::default()
    };
    for (name, located) in now {
        match before.get(name) {
            None => changes.add(&located.team, name, 0),
            Some(there) if there.hash != located.hash => changes.add(&located.team, name, 1),
            Some(_) => {}
        }
    }
    for (name, located) in before {
        if !now.contains_key(name) {
            changes.add(&located.team, name, 2);
        }
    }
    changes
}
