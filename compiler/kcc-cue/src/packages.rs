//! [`Imports`]: what the fragments import, found by the caller.
//!
//! The guest has no file system, so whoever calls reads the files of packages
//! as well and says which import leads to which of them, or to none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::wire;

/// All imports of a system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imports {
    /// The packages that are imported, in the order of their paths.
    pub packages: Vec<Package>,
    /// The imports that lead to none.
    pub missing: Vec<MissingPackage>,
}

/// A package that is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The paths that import it, at least one.
    pub paths: Vec<String>,
    /// The names of its files, which are no fragments.
    pub files: Vec<String>,
}

/// An import that leads to no package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingPackage {
    /// The path as it is imported.
    pub path: String,
    /// Why it leads to none.
    pub reason: Absence,
    /// Paths or names that may have been meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// The folder or the name that the reason is about.
    pub name: String,
}

/// Why an import leads to no package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// It is no path that a package can have.
    Unknown,
    /// The system is no module: nothing says what its folders are called.
    NoModule,
    /// It lies neither below the root nor under `cue.mod`.
    Elsewhere,
    /// There is no folder with CUE files.
    Folder,
    /// The folder has no package of that name.
    Package,
    /// The path does not say the name of the package, and its last part is none.
    Unnamed,
    /// It lies below the root and under `cue.mod` as well.
    Ambiguous,
    /// Its folder leads out of the system's.
    Outside,
    /// It is the package of the fragments themselves.
    Fragments,
}

impl Imports {
    /// The packages with the indexes of their files.
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

    /// Whether a file is one of a package.
    pub(crate) fn has(&self, file: &str) -> bool {
        let mut packages = self.packages.iter();
        packages.any(|package| package.files.iter().any(|name| name == file))
    }
}
