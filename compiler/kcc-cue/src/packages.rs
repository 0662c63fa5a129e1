//! [`Imports`]: the packages that the fragments import, found by the caller.
//!
//! The guest has no file system, so the caller also reads the files of packages and says which
//! package each import resolves to, or why it resolves to none.

use std::collections::BTreeMap;

use crate::wire::{self, MissingPackage};

/// All imports of a system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imports {
    /// The imported packages, in the order of their paths.
    pub packages: Vec<Package>,
    /// The imports that resolve to no package.
    pub missing: Vec<MissingPackage>,
}

/// An imported package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The paths that import it, at least one.
    pub paths: Vec<String>,
    /// The names of its files, which are not fragments.
    pub files: Vec<String>,
}

impl Imports {
    /// Returns the packages with the indexes of their files.
    pub(crate) fn indexed(&self, names: &[&str]) -> Vec<wire::Package<'_>> {
        let at: BTreeMap<&str, usize> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
        self.packages
            .iter()
            .map(|package| wire::Package {
                paths: &package.paths,
                files: package
                    .files
                    .iter()
                    .filter_map(|name| at.get(name.as_str()).copied())
                    .collect(),
            })
            .collect()
    }

    /// Returns whether a file belongs to a package.
    pub(crate) fn has(&self, file: &str) -> bool {
        let mut packages = self.packages.iter();
        packages.any(|package| package.files.iter().any(|name| name == file))
    }
}
