//! [`BuildContexts`]: the hashes of image build contexts, each computed once per run.

use std::{cell::RefCell, collections::BTreeMap};

use kcc_model::Build;

use super::Root;

/// The hashes of the build contexts of a system.
#[derive(Debug)]
pub(super) struct BuildContexts<'a> {
    root: &'a Root,
    hashes: RefCell<BTreeMap<String, Result<String, String>>>,
}

impl<'a> BuildContexts<'a> {
    /// Creates an empty cache for the builds of a system.
    pub(super) fn of(root: &'a Root) -> Self {
        Self {
            root,
            hashes: RefCell::default(),
        }
    }

    /// Returns the hash of everything that goes into an image: the files of its
    /// context that `.dockerignore` does not exclude, its Dockerfile, arguments and
    /// stage.
    pub(super) fn hash(&self, build: &Build) -> Result<String, String> {
        let key = format!("{build:?}");
        let known = self.hashes.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let hash = self.root.hash(build);
            self.hashes.borrow_mut().insert(key, hash.clone());
            hash
        })
    }
}
