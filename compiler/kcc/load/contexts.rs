//! [`Contexts`]: what images are built from, each read once in a run.

use std::{cell::RefCell, collections::BTreeMap};

use kcc_model::Build;

use super::Root;

/// The hashes of the contexts of a system's builds.
#[derive(Debug)]
pub struct Contexts<'a> {
    root: &'a Root,
    known: RefCell<BTreeMap<String, Result<String, String>>>,
}

impl<'a> Contexts<'a> {
    /// Those of a system; none is read yet.
    pub fn of(root: &'a Root) -> Self {
        Self {
            root,
            known: RefCell::default(),
        }
    }

    /// The hash of all that an image is built from: what its `.dockerignore`
    /// leaves of its folder, its file, its arguments and its stage.
    pub fn hash(&self, build: &Build) -> Result<String, String> {
        let key = format!("{build:?}");
        let known = self.known.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let hash = self.root.hash(build);
            self.known.borrow_mut().insert(key, hash.clone());
            hash
        })
    }
}
