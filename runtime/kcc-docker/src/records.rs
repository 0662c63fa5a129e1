//! [`Records`]: the record of a scope as the last apply left it.

use std::collections::{BTreeMap, BTreeSet};

use kcc_plan::{Intent, Inventory, InventoryObject, Snapshot, Unapplied};
use serde_json::Value;

use crate::{
    client::Listed,
    observed::{SUCCESSOR, base_name},
};

/// The records that earlier applies left.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Records {
    /// The number of times that the lock was taken.
    pub(crate) epoch: u64,
    pub(crate) intent: Option<Intent>,
    pub(crate) inventory: Option<Inventory>,
}

impl From<Snapshot<Inventory>> for Records {
    fn from(snapshot: Snapshot<Inventory>) -> Self {
        Self {
            epoch: snapshot.epoch,
            intent: snapshot.intent,
            inventory: snapshot.inventory,
        }
    }
}

impl Records {
    /// Returns true if an apply left records.
    pub(crate) fn exist(&self) -> bool {
        self.intent.is_some() || self.inventory.is_some()
    }

    /// Returns the reasons why the last apply failed.
    pub(crate) fn unapplied(&self) -> Unapplied {
        let inventory = self.inventory.as_ref();
        inventory.map_or_else(Unapplied::default, |inventory| inventory.unapplied.clone())
    }

    /// Returns the kinds and names of the objects in the inventory, and of those that an
    /// interrupted apply set out to create.
    pub(crate) fn names(&self) -> BTreeSet<(&str, &str)> {
        let objects = self.inventory.iter().flat_map(|all| &all.objects);
        let objects = objects.map(|object| (object.kind.as_str(), object.name.as_str()));
        let created = self.intent.iter().flat_map(Intent::created);
        objects.chain(created).collect()
    }

    /// Returns an index of what the records list.
    pub(crate) fn known(&self) -> Known<'_> {
        let objects = self.inventory.iter().flat_map(|all| &all.objects);
        let objects = objects.map(|object| ((object.kind.as_str(), object.id.as_str()), object));
        let created = self.intent.as_ref().map(Intent::created);
        Known {
            objects: objects.collect(),
            created: created.unwrap_or_default(),
        }
    }
}

/// The objects that the records list, by kind and identity.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    objects: BTreeMap<(&'a str, &'a str), &'a InventoryObject>,
    /// The kinds and names that an interrupted apply may have created.
    created: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Known<'a> {
    /// Returns true if kcc made an object that carries the scope's labels: the
    /// last inventory lists it, or an interrupted apply set out to create it.
    pub(crate) fn lists(&self, kind: &str, listed: &Listed) -> bool {
        self.objects.contains_key(&(kind, listed.id.as_str()))
            || may_have_created(&self.created, kind, &listed.name)
    }

    /// Returns the settings of a container as they were after its creation.
    pub(crate) fn settings(&self, id: &str) -> Option<&'a Value> {
        self.objects.get(&("container", id))?.config.as_ref()
    }
}

/// Returns true if an apply that creates these objects may have created `name`.
pub(crate) fn may_have_created(all: &BTreeSet<(&str, &str)>, kind: &str, name: &str) -> bool {
    let plain = name.strip_suffix(SUCCESSOR).unwrap_or(name);
    all.contains(&(kind, plain)) || all.contains(&(kind, base_name(name)))
}
