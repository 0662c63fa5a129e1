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
                // Treat the intended package as imported: its files must not
                // be reported as fragments with a wrong package clause.
                match absent.reason {
                    Absence::Folder => open.extend(absent.candidates.iter().cloned()),
                    Absence::Package | Absence::Unnamed => {
                        let dir = path.split(':').next().unwrap_or(&path);
                        let names = absent.candidates.iter();
                        open.extend(names.map(|name| format!("{dir}:{name}")));
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
        let absent = |reason, name: &str, candidates| MissingPackage {
            path: text.to_owned(),
            reason,
            name: name.to_owned(),
            candidates,
        };
        let Some(path) = ImportPath::parse(text) else {
            return Err(absent(Absence::Unknown, "", Vec::new()));
        };
        let Some(module) = self.module.as_deref().and_then(ImportPath::parse) else {
            return Err(absent(Absence::NoModule, "", Vec::new()));
        };
        let own = self.own_dir(module, path);
        let vendored = VENDORED.map(|dir| format!("{dir}/{}", path.path));
        let mut dirs: Vec<&str> = Vec::new();
        for dir in own.iter().chain(&vendored) {
            match package_dir::contents(self.root, dir) {
                package_dir::Contents::Outside => {
                    return Err(absent(Absence::Outside, dir, Vec::new()));
                }
                package_dir::Contents::CueFiles => dirs.push(dir),
                package_dir::Contents::Empty => {}
            }
        }
        if let (Some(own), [first, second, ..]) = (&own, dirs.as_slice())
            && first == own
        {
            let both = format!("{first}` and `{second}");
            // Either may be the intended one: the files of neither are fragments.
            self.texts.retain(|name, text| {
                name.rsplit_once('/').is_none_or(|(dir, _)| dir != own)
                    || Preamble::of(text).package.as_deref() != path.package
            });
            return Err(absent(Absence::Ambiguous, &both, Vec::new()));
        }
        if dirs.is_empty() {
            let (reason, name) = match &own {
                Some(own) => (Absence::Folder, own.as_str()),
                None => (Absence::Elsewhere, ""),
            };
            let similar = self.similar(path.path, own.as_deref());
            return Err(absent(reason, name, similar.into_iter().collect()));
        }
        let mut here: Vec<PackageFile> = Vec::new();
        for dir in &dirs {
            here.extend(package_dir::files(
                self.root,
                dir,
                self.texts,
                self.problems,
            ));
        }
        let names: BTreeSet<&String> = here
            .iter()
            .filter_map(|file| file.package.as_ref())
            .collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let Some(package) = path.package else {
            return Err(absent(Absence::Unnamed, "", names));
        };
        let is_own = own.as_deref() == dirs.first().copied();
        if is_own && self.fragment_package.as_deref() == Some(package) {
            return Err(absent(Absence::Fragments, package, Vec::new()));
        }
        if names.iter().all(|name| name != package) {
            return Err(absent(Absence::Package, package, names));
        }
        if let (true, Some(own)) = (is_own, &own) {
            // As in CUE, files of the same package in parent directories belong to it.
            for above in package_dir::above(self.root, own) {
                here.extend(package_dir::files(
                    self.root,
                    &above,
                    self.texts,
                    self.problems,
                ));
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
