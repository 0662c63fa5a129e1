//! [`Records`]: the record of a scope as the last apply left it.

use std::collections::BTreeSet;

use kcc_plan::{Intent, Inventory, Snapshot, Unapplied};
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

    /// Returns the settings of a container as they were after its creation.
    pub(crate) fn settings(&self, id: &str) -> Option<&Value> {
        let mut objects = self.inventory.iter().flat_map(|all| &all.objects);
        objects.find(|object| object.id == id)?.config.as_ref()
    }

    /// Returns true if an object of that kind and name is in the inventory, or if an
    /// interrupted apply set out to create it.
    pub(crate) fn names(&self, kind: &str, name: &str) -> bool {
        let mut objects = self.inventory.iter().flat_map(|all| &all.objects);
        objects.any(|object| object.kind == kind && object.name == name)
            || self
                .intent
                .as_ref()
                .is_some_and(|intent| intent.created().contains(&(kind, name)))
    }

    /// Returns true if kcc made an object that carries the scope's labels: the
    /// last inventory lists it, or an interrupted apply set out to create it.
    pub(crate) fn lists(&self, kind: &str, listed: &Listed) -> bool {
        let objects = self
            .inventory
            .iter()
            .flat_map(|inventory| &inventory.objects);
        objects
            .into_iter()
            .any(|object| object.kind == kind && object.id == listed.id)
            || self
                .intent
                .as_ref()
                .is_some_and(|intent| may_have_created(&intent.created(), kind, &listed.name))
    }
}

/// Returns true if an apply that creates these objects may have created `name`.
pub(crate) fn may_have_created(all: &BTreeSet<(&str, &str)>, kind: &str, name: &str) -> bool {
    let plain = name.strip_suffix(SUCCESSOR).unwrap_or(name);
    all.contains(&(kind, plain)) || all.contains(&(kind, base_name(name)))
}
