//! Resolves the packages that fragments import: directories below the root, named
//! by the path of the system's module, and those vendored under `cue.mod`. Imports
//! resolve as in CUE without a registry.
//!
//! A file belongs to a package, and is not a fragment, if its package clause
//! differs from that of the fragments and something imports that package. All other
//! files below the root are fragments.

use std::collections::{BTreeMap, BTreeSet};

use kcc_cue::{Absence, Imports, MissingPackage, Package};
use kcc_diag::nearest;
use kcc_tree::SYSTEM_FILE;

use super::{
    Problems, Root,
    import_path::ImportPath,
    package_dir::{self, PackageFile},
    preamble::{Preamble, module_path},
    texts::Texts,
};

/// The directories of vendored packages, in the order in which CUE searches them.
const VENDORED: [&str; 3] = ["cue.mod/gen", "cue.mod/usr", "cue.mod/pkg"];

/// The file that declares the module.
const MODULE_FILE: &str = "cue.mod/module.cue";

/// Resolves the imports of the fragments; reads package files that are not in
/// `texts` yet.
pub(super) fn imported(root: &Root, texts: &mut Texts, problems: &mut Problems) -> Imports {
    let preambles: Vec<Preamble> = texts.values().map(|text| Preamble::of(text)).collect();
    let fragment_package = texts
        .get(SYSTEM_FILE)
        .and_then(|text| Preamble::of(text).package)
        .or_else(|| {
            preambles
                .iter()
                .find_map(|preamble| preamble.package.clone())
        });
    let mut open: BTreeSet<String> = preambles
        .into_iter()
        .filter(|preamble| preamble.package.is_none() || preamble.package == fragment_package)
        .flat_map(|preamble| preamble.imports)
        .filter(|path| !ImportPath::is_standard(path))
        .collect();
    if open.is_empty() {
        return Imports::default();
    }
    let module = root.read(MODULE_FILE).ok();
    let mut resolver = Resolver {
        root,
        texts,
        problems,
        module: module.as_deref().and_then(module_path),
        fragment_package,
    };
    let (mut done, mut packages) = (BTreeSet::new(), BTreeMap::<Vec<String>, Vec<String>>::new());
    let mut missing = Vec::new();
    while let Some(path) = open.pop_first() {
        if !done.insert(path.clone()) {
            continue;
        }
        match resolver.resolve(&path) {
            Ok(files) => {
                let heads = files.iter().filter_map(|name| resolver.texts.get(name));
                let more = heads.flat_map(|text| Preamble::of(text).imports);
                open.extend(more.filter(|path| !ImportPath::is_standard(path)));
                packages.entry(files).or_default().push(path);
            }
            Err(absent) => {
                open.extend(intended(&path, &absent));
                missing.push(absent);
            }
        }
    }
    let mut packages: Vec<Package> = packages
        .into_iter()
        .map(|(files, mut paths)| {
            paths.sort();
            Package { paths, files }
        })
        .collect();
    packages.sort_by(|a, b| a.paths.cmp(&b.paths));
    missing.sort_by(|a, b| a.path.cmp(&b.path));
    Imports { packages, missing }
}

/// Returns the packages that may be intended by an import of one that is missing.
/// They count as imported: their files must not be reported as fragments with a
/// wrong package clause.
fn intended(path: &str, absent: &MissingPackage) -> Vec<String> {
    let names = absent.candidates.iter();
    match absent.reason {
        Absence::Folder => names.cloned().collect(),
        Absence::Package | Absence::Unnamed => {
            let dir = path.split(':').next().unwrap_or(path);
            names.map(|name| format!("{dir}:{name}")).collect()
        }
        _ => Vec::new(),
    }
}

/// The reason why a package is missing, and names that may be intended.
struct Absent {
    reason: Absence,
    name: String,
    candidates: Vec<String>,
}

impl Absent {
    fn of(reason: Absence, name: &str, candidates: Vec<String>) -> Self {
        Self {
            reason,
            name: name.to_owned(),
            candidates,
        }
    }
}

impl From<Absence> for Absent {
    fn from(reason: Absence) -> Self {
        Self::of(reason, "", Vec::new())
    }
}

struct Resolver<'a> {
    root: &'a Root,
    texts: &'a mut Texts,
    problems: &'a mut Problems,
    /// The path of the system's module, with the version.
    module: Option<String>,
    /// The package of the fragments.
    fragment_package: Option<String>,
}

impl Resolver<'_> {
    /// Returns the files of an imported package.
    fn resolve(&mut self, text: &str) -> Result<Vec<String>, MissingPackage> {
        self.find(text).map_err(|absent| MissingPackage {
            path: text.to_owned(),
            reason: absent.reason,
            name: absent.name,
            candidates: absent.candidates,
        })
    }

    fn find(&mut self, text: &str) -> Result<Vec<String>, Absent> {
        let path = ImportPath::parse(text).ok_or(Absence::Unknown)?;
        let module = self.module.as_deref().and_then(ImportPath::parse);
        let own = self.own_dir(module.ok_or(Absence::NoModule)?, path);
        let dirs = self.directories(path, own.as_deref())?;
        let mut here = self.files_in(&dirs);
        let names: BTreeSet<&String> = here
            .iter()
            .filter_map(|file| file.package.as_ref())
            .collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let Some(package) = path.package else {
            return Err(Absent::of(Absence::Unnamed, "", names));
        };
        let own = own.filter(|own| dirs.first() == Some(own));
        if own.is_some() && self.fragment_package.as_deref() == Some(package) {
            return Err(Absent::of(Absence::Fragments, package, Vec::new()));
        }
        if names.iter().all(|name| name != package) {
            return Err(Absent::of(Absence::Package, package, names));
        }
        if let Some(own) = &own {
            // As in CUE, files of the same package in parent directories belong to it.
            here.extend(self.files_in(&package_dir::above(self.root, own)));
        }
        let mut files: Vec<String> = here
            .into_iter()
            .filter(|file| file.package.as_deref() == Some(package))
            .map(|file| file.name)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Returns the directories of a package that have CUE files; fails if there are
    /// none, or if it is both in the system and vendored.
    fn directories(
        &mut self,
        path: ImportPath<'_>,
        own: Option<&str>,
    ) -> Result<Vec<String>, Absent> {
        let vendored = VENDORED.map(|dir| format!("{dir}/{}", path.path));
        let mut dirs: Vec<String> = Vec::new();
        for dir in own.map(str::to_owned).into_iter().chain(vendored) {
            match package_dir::contents(self.root, &dir) {
                package_dir::Contents::Outside => {
                    return Err(Absent::of(Absence::Outside, &dir, Vec::new()));
                }
                package_dir::Contents::CueFiles => dirs.push(dir),
                package_dir::Contents::Empty => {}
            }
        }
        if let (Some(own), [first, second, ..]) = (own, dirs.as_slice())
            && first == own
        {
            let both = format!("{first}` and `{second}");
            // Either may be the intended one: the files of neither are fragments.
            self.texts.retain(|name, text| {
                name.rsplit_once('/').is_none_or(|(dir, _)| dir != own)
                    || Preamble::of(text).package.as_deref() != path.package
            });
            return Err(Absent::of(Absence::Ambiguous, &both, Vec::new()));
        }
        if dirs.is_empty() {
            let (reason, name) = match own {
                Some(own) => (Absence::Folder, own),
                None => (Absence::Elsewhere, ""),
            };
            let similar = self.similar(path.path, own);
            return Err(Absent::of(reason, name, similar.into_iter().collect()));
        }
        Ok(dirs)
    }

    /// Returns the files in directories that may belong to a package.
    fn files_in(&mut self, dirs: &[String]) -> Vec<PackageFile> {
        let mut files = Vec::new();
        for dir in dirs {
            files.extend(package_dir::files(
                self.root,
                dir,
                self.texts,
                self.problems,
            ));
        }
        files
    }

    /// Returns the directory below the root if the path is in the system's module.
    fn own_dir(&self, module: ImportPath<'_>, path: ImportPath<'_>) -> Option<String> {
        let version = |path: ImportPath<'_>| path.version.unwrap_or("v0").to_owned();
        if path.version.is_some() && version(path) != version(module) {
            return None;
        }
        let rest = path.path.strip_prefix(module.path);
        let rest = rest.and_then(|rest| match rest {
            "" => Some(rest),
            _ => rest.strip_prefix('/'),
        });
        // A nested module is not part of the system's module.
        let own = rest.filter(|rest| !package_dir::is_other_module(self.root, rest));
        own.map(str::to_owned)
    }

    /// Returns the existing package with the most similar path.
    fn similar(&self, path: &str, own: Option<&str>) -> Option<String> {
        let module = ImportPath::parse(self.module.as_deref()?)?.path;
        let mut below: BTreeSet<String> = BTreeSet::new();
        for (name, text) in self.texts.iter() {
            let package = Preamble::of(text).package;
            if let (Some((dir, _)), true) =
                (name.rsplit_once('/'), package != self.fragment_package)
            {
                below.insert(dir.to_owned());
            }
        }
        if let Some(own) = own {
            let near = nearest(own, below.iter().map(String::as_str))?;
            return Some(format!("{module}/{near}"));
        }
        let vendored = VENDORED.map(|dir| package_dir::all_with_cue(self.root, dir));
        let all: BTreeSet<String> = below
            .iter()
            .map(|dir| format!("{module}/{dir}"))
            .chain(vendored.into_iter().flatten())
            .collect();
        // The path exists, so only the version differs.
        let same = all.get(path).map(String::as_str);
        same.or_else(|| nearest(path, all.iter().map(String::as_str)))
            .map(str::to_owned)
    }
}
