//! [`CreatedContainers`]: the identities of the containers that a run creates, so that
//! no later call of it is made on another container of the same name.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{call::Target, files::Directories};

/// The containers that this run created, by the name that they were created with.
#[derive(Debug, Default)]
pub(crate) struct CreatedContainers(Mutex<BTreeMap<String, Created>>);

/// A container that this run created.
#[derive(Debug, Clone)]
pub(crate) struct Created {
    /// The engine's identity; none if its creation turned out to be unnecessary, or if
    /// it was removed.
    pub(crate) id: Option<String>,
    /// The time of its start, or else of its creation.
    pub(crate) begun: Instant,
    /// The directories whose owner and mode it is used to change.
    pub(crate) directories: Directories,
}

impl CreatedContainers {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Created>> {
        // A poisoned map still holds valid identities.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Created> {
        self.all().get(name).cloned()
    }

    pub(crate) fn insert(&self, name: &str, id: Option<String>, directories: Directories) {
        let created = Created {
            id,
            begun: Instant::now(),
            directories,
        };
        self.all().insert(name.to_owned(), created);
    }

    pub(crate) fn change(&self, target: &Target, change: impl FnOnce(&mut Created)) {
        if let Target::Created(name) = target {
            self.all().get_mut(name).map(change);
        }
    }
}
