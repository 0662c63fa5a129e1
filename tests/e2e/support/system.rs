//! [`System`]: a copy of an example on an engine, under a name of its own.

use std::{ffi::OsString, ops::Deref, path::Path, sync::Arc};

use serde_json::Value;

use super::Copy;

/// An engine that answers.
pub(crate) trait Host {
    /// The variable of the environment that leads kcc to it.
    fn variable(&self) -> (&'static str, OsString);

    /// Brings stand-ins for all images of a model.
    fn stand_in(&self, model: &Value);

    /// Keeps what explains a failure of what is in a place.
    fn keep(&self, place: &str, folder: &Path);

    /// Removes whatever is left in a place, as far as that goes: it is called
    /// where a case has failed, too.
    fn remove(&self, place: &str);
}

/// A copy of an example. What is left of it on the engine goes with it.
pub(crate) struct System<H: Host> {
    pub(crate) bed: Arc<H>,
    copy: Copy,
    pub(crate) name: String,
    /// Where it is on the engine: under its own name, if nothing else is said.
    pub(crate) places: Vec<String>,
}

impl<H: Host> System<H> {
    /// A copy to work on in one target, under a name that nobody else on the
    /// engine has; `suffix` is its end.
    pub(crate) fn of(bed: Arc<H>, example: &str, target: &'static str, suffix: &str) -> Self {
        let name = format!("e2e{}-{suffix}", std::process::id());
        let copy = Copy::of(example, target, bed.variable());
        copy.rename(&name);
        Self {
            bed,
            copy,
            places: vec![name.clone()],
            name,
        }
    }

    /// Brings stand-ins for its images.
    pub(crate) fn stand_in(&self) {
        self.bed.stand_in(&self.copy.model());
    }
}

impl<H: Host> Deref for System<H> {
    type Target = Copy;

    fn deref(&self) -> &Copy {
        &self.copy
    }
}

impl<H: Host> Drop for System<H> {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let kept = failed.then(|| self.copy.keep(&self.name)).flatten();
        for place in &self.places {
            if let Some(folder) = &kept {
                self.bed.keep(place, folder);
            }
            self.bed.remove(place);
        }
    }
}

/// The end of the name of a case's system.
pub(crate) fn initials(case: &str) -> String {
    case.split('_')
        .filter_map(|word| word.chars().next())
        .collect()
}
