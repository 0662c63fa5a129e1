//! The packages that fragments import: folders below the root, named by the
//! path of the system's module, and what is vendored under `cue.mod`. An import
//! leads where CUE itself leads it without a network.
//!
//! A file is one of a package, and no fragment, if its package clause names
//! another package than that of the fragments and something imports that
//! package. All other files below the root are fragments.

use std::collections::{BTreeMap, BTreeSet};

use kcc_cue::{Absence, Imports, MissingPackage, Package};
use kcc_diag::nearest;
use kcc_tree::SYSTEM_FILE;

use super::{
    Problems, Root,
    folder::{self, PackageFile},
    head::{Head, module_path},
    import_path::ImportPath,
};

/// Where packages are vendored, in the order in which CUE looks.
const VENDORED: [&str; 3] = ["cue.mod/gen", "cue.mod/usr", "cue.mod/pkg"];

/// The file that names the module.
const MODULE_FILE: &str = "cue.mod/module.cue";

/// All texts of a system by their names.
pub(super) type Texts = BTreeMap<String, String>;

/// Finds what the fragments import, and reads what of it is not read yet.
pub(super) fn imported(root: &Root, texts: &mut Texts, problems: &mut Problems) -> Imports {
    let fragments: Vec<Head> = texts.values().map(|text| Head::of(text)).collect();
    let of_fragments = texts
        .get(SYSTEM_FILE)
        .and_then(|text| Head::of(text).package)
        .or_else(|| fragments.iter().find_map(|head| head.package.clone()));
    let mut open: BTreeSet<String> = fragments
        .into_iter()
        .filter(|head| head.package.is_none() || head.package == of_fragments)
        .flat_map(|head| head.imports)
        .filter(|path| !ImportPath::is_standard(path))
        .collect();
    if open.is_empty() {
        return Imports::default();
    }
    let module = root.read(MODULE_FILE).ok();
    let mut finder = Finder {
        root,
        texts,
        problems,
        module: module.as_deref().and_then(module_path),
        of_fragments,
    };
    let (mut done, mut packages) = (BTreeSet::new(), BTreeMap::<Vec<String>, Vec<String>>::new());
    let mut missing = Vec::new();
    while let Some(path) = open.pop_first() {
        if !done.insert(path.clone()) {
            continue;
        }
        match finder.find(&path) {
            Ok(files) => {
                let heads = files.iter().filter_map(|name| finder.texts.get(name));
                let more = heads.flat_map(|text| Head::of(text).imports);
                open.extend(more.filter(|path| !ImportPath::is_standard(path)));
                packages.entry(files).or_default().push(path);
            }
            Err(absent) => {
                // The package that was meant is one all the same: its files are
                // no fragments with a wrong clause.
                match absent.reason {
                    Absence::Folder => open.extend(absent.candidates.iter().cloned()),
                    Absence::Package | Absence::Unnamed => {
                        let folder = path.split(':').next().unwrap_or(&path);
                        let names = absent.candidates.iter();
                        open.extend(names.map(|name| format!("{folder}:{name}")));
                    }
                    _ => {}
                }
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

struct Finder<'a> {
    root: &'a Root,
    texts: &'a mut Texts,
    problems: &'a mut Problems,
    /// The path of the system's module, with its version.
    module: Option<String>,
    /// The package clause of all fragments.
    of_fragments: Option<String>,
}

impl Finder<'_> {
    /// The files of a package.
    fn find(&mut self, text: &str) -> Result<Vec<String>, MissingPackage> {
        let absent = |reason, name: &str, candidates| MissingPackage {
            path: text.to_owned(),
            reason,
            name: name.to_owned(),
            candidates,
        };
        let Some(path) = ImportPath::of(text) else {
            return Err(absent(Absence::Unknown, "", Vec::new()));
        };
        let Some(module) = self.module.as_deref().and_then(ImportPath::of) else {
            return Err(absent(Absence::NoModule, "", Vec::new()));
        };
        let own = self.own_folder(module, path);
        let vendored = VENDORED.map(|folder| format!("{folder}/{}", path.path));
        let mut folders: Vec<&str> = Vec::new();
        for folder in own.iter().chain(&vendored) {
            match folder::holds_cue(self.root, folder) {
                folder::Held::Outside => {
                    return Err(absent(Absence::Outside, folder, Vec::new()));
                }
                folder::Held::Files => folders.push(folder),
                folder::Held::Nothing => {}
            }
        }
        if let (Some(own), [first, second, ..]) = (&own, folders.as_slice())
            && first == own
        {
            let both = format!("{first}` and `{second}");
            // One of the two was meant: neither's files are fragments.
            self.texts.retain(|name, text| {
                name.rsplit_once('/')
                    .is_none_or(|(folder, _)| folder != own)
                    || Head::of(text).package.as_deref() != path.package
            });
            return Err(absent(Absence::Ambiguous, &both, Vec::new()));
        }
        if folders.is_empty() {
            let (reason, name) = match &own {
                Some(own) => (Absence::Folder, own.as_str()),
                None => (Absence::Elsewhere, ""),
            };
            let near = self.near(path.path, own.as_deref());
            return Err(absent(reason, name, near.into_iter().collect()));
        }
        let mut here: Vec<PackageFile> = Vec::new();
        for folder in &folders {
            here.extend(folder::files(self.root, folder, self.texts, self.problems));
        }
        let names: BTreeSet<&String> = here
            .iter()
            .filter_map(|file| file.package.as_ref())
            .collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let Some(package) = path.package else {
            return Err(absent(Absence::Unnamed, "", names));
        };
        let is_own = own.as_deref() == folders.first().copied();
        if is_own && self.of_fragments.as_deref() == Some(package) {
            return Err(absent(Absence::Fragments, package, Vec::new()));
        }
        if names.iter().all(|name| name != package) {
            return Err(absent(Absence::Package, package, names));
        }
        if let (true, Some(own)) = (is_own, &own) {
            // As in CUE, folders above that hold the same package are part of it.
            for above in folder::above(self.root, own) {
                here.extend(folder::files(self.root, &above, self.texts, self.problems));
            }
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

    /// The folder below the root that a path names in the system's module, if
    /// it does.
    fn own_folder(&self, module: ImportPath<'_>, path: ImportPath<'_>) -> Option<String> {
        let version = |path: ImportPath<'_>| path.version.unwrap_or("v0").to_owned();
        if path.version.is_some() && version(path) != version(module) {
            return None;
        }
        let rest = path.path.strip_prefix(module.path);
        let rest = rest.and_then(|rest| match rest {
            "" => Some(rest),
            _ => rest.strip_prefix('/'),
        });
        // A module of its own below the root is none of the system's folders.
        let own = rest.filter(|rest| !folder::is_other_module(self.root, rest));
        own.map(str::to_owned)
    }

    /// The package that a path was probably meant to be.
    fn near(&self, path: &str, own: Option<&str>) -> Option<String> {
        let module = ImportPath::of(self.module.as_deref()?)?.path;
        let mut below: BTreeSet<String> = BTreeSet::new();
        for (name, text) in self.texts.iter() {
            let package = Head::of(text).package;
            if let (Some((folder, _)), true) = (name.rsplit_once('/'), package != self.of_fragments)
            {
                below.insert(folder.to_owned());
            }
        }
        if let Some(own) = own {
            let near = nearest(own, below.iter().map(String::as_str))?;
            return Some(format!("{module}/{near}"));
        }
        let vendored = VENDORED.map(|folder| folder::all_with_cue(self.root, folder));
        let all: BTreeSet<String> = below
            .iter()
            .map(|folder| format!("{module}/{folder}"))
            .chain(vendored.into_iter().flatten())
            .collect();
        // Another version of what is there.
        let same = all.get(path).map(String::as_str);
        same.or_else(|| nearest(path, all.iter().map(String::as_str)))
            .map(str::to_owned)
    }
}
