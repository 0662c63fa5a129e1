//! [`FragmentOrigins`]: the origin of each field of the desired objects, for the
//! engine crates, which know nothing about fragments.
//!
//! kcc gives up a field to another field manager only if its value is a default of
//! kcc. If in doubt, a field therefore counts as required.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use kcc_lower::{
    Desired, EngineDesired, Lowered,
    kubernetes::label::is_required,
    source::{Rendered, Source},
};
use kcc_plan::{Origin, Origins, format_field};
use kcc_tree::{ConfigTree, Node, Origin as ConfigOrigin, OriginKind, Path};

use super::{
    field_path::{FieldPath, unknown_path},
    line::{Effect, Line, LineKind},
    object::{unknown_field, unknown_object},
    spelling::spellings,
    value,
};
use crate::failure::Failure;

/// The origins of the fields in one target's desired objects.
pub struct FragmentOrigins {
    tree: Arc<ConfigTree>,
    lowered: Arc<Lowered>,
    /// Computed on first use: most plans have no conflict with another field manager.
    objects: OnceLock<Vec<Rendered>>,
}

impl FragmentOrigins {
    /// Creates the origins of a compiled target.
    pub fn new(tree: Arc<ConfigTree>, lowered: Arc<Lowered>) -> Self {
        Self {
            tree,
            lowered,
            objects: OnceLock::new(),
        }
    }

    fn desired(&self) -> &Desired {
        &self.lowered.desired
    }

    /// Resolves the arguments of `--take` to fields as [`Conflict::field`] names
    /// them, with every spelling of a path in the model.
    ///
    /// [`Conflict::field`]: kcc_plan::Conflict::field
    pub fn fields(&self, names: &[String]) -> Result<BTreeSet<String>, Failure> {
        let target = &self.desired().target;
        if !names.is_empty() && matches!(self.desired().engine, EngineDesired::Docker(_)) {
            return Err(Failure::usage(
                format!("`--take` requires Kubernetes, but `{target}` runs on Docker"),
                "remove `--take`: Docker has no field managers",
            ));
        }
        let mut fields = BTreeSet::new();
        for name in names {
            match FieldPath::parse(name)? {
                FieldPath::Model(path) => {
                    let spellings = spellings(&path);
                    let exists = |path| value::node(&self.tree, target, path).is_some();
                    if !spellings.iter().any(exists) {
                        return Err(unknown_path(
                            &self.tree,
                            &BTreeSet::from([target.as_str()]),
                            &path,
                        ));
                    }
                    fields.extend(spellings.iter().map(ToString::to_string));
                }
                FieldPath::Object { kind, name, field } => {
                    let objects = self.objects();
                    let mut matching = objects
                        .iter()
                        .filter(|object| object.kind == kind && object.name == name);
                    let Some(object) = matching.next() else {
                        return Err(unknown_object(objects, &[target], &kind, &name));
                    };
                    let leaves = object.leaves(&field);
                    if leaves.is_empty() {
                        return Err(unknown_field(object, &field));
                    }
                    fields.extend(
                        leaves
                            .iter()
                            .map(|(path, _)| format_field(&kind, &name, &object.named(path).0)),
                    );
                }
            }
        }
        Ok(fields)
    }

    /// Returns the path in the model that an object's field follows, with the origin that
    /// decides its value; nothing if no fragment does.
    pub fn locate(
        &self,
        kind: &str,
        name: &str,
        field: &[String],
    ) -> Option<(Path, &ConfigOrigin)> {
        let mut objects = self.objects().iter();
        let object = objects.find(|object| object.kind == kind && object.name == name)?;
        let Source::Model(paths) = object.source(&Path(field.to_vec()))? else {
            return None;
        };
        let (path, _, origin) = self.declared(&paths)?;
        Some((path, origin))
    }

    fn objects(&self) -> &[Rendered] {
        self.objects.get_or_init(|| self.lowered.objects())
    }

    /// Returns the first of the paths that a fragment sets, with the deciding origin.
    fn declared(&self, paths: &[Path]) -> Option<(Path, &Node, &ConfigOrigin)> {
        let target = &self.desired().target;
        // The path of a whole component only tells who declared it.
        let paths = paths.iter().filter(|path| path.0.len() > 2);
        paths.flat_map(spellings).find_map(|path| {
            let node = value::node(&self.tree, target, &path)?;
            let origin = deciding_origin(&self.tree, node)?;
            Some((path, node, origin))
        })
    }

    fn origin(&self, object: &Rendered, field: &Path) -> Origin {
        let target = &self.desired().target;
        if is_required(&field.0) {
            return Origin::Required;
        }
        let paths = match object.source(field) {
            Some(Source::Model(paths)) => paths,
            Some(Source::Kcc(_)) => return Origin::Default,
            None => return Origin::Required,
        };
        let Some((path, node, deciding)) = self.declared(&paths) else {
            return Origin::Default;
        };
        let line = Line::of(&self.tree.files, deciding, Effect::Decides, LineKind::Value);
        let rendered = object.find(field).map(|(_, value)| value);
        let same = rendered == Some(&node.to_json());
        Origin::Fragment {
            instead: same.then(|| overlay(target, &path)),
            path: path.to_string(),
            file: Some(line.file),
            line: Some(line.line),
            team: line.team,
        }
    }
}

impl Origins for FragmentOrigins {
    fn of(&self, kind: &str, name: &str, field: &[String]) -> Origin {
        let mut objects = self.objects().iter();
        match objects.find(|object| object.kind == kind && object.name == name) {
            Some(object) => self.origin(object, &Path(field.to_vec())),
            None => Origin::Required,
        }
    }
}

/// Returns the origin in a fragment that gives a node, or one below it, its value.
fn deciding_origin<'a>(tree: &ConfigTree, node: &'a Node) -> Option<&'a ConfigOrigin> {
    if !value::has_value(node) {
        return None;
    }
    let in_fragment = |origin: &&ConfigOrigin| {
        let file = tree.files.get(origin.span.file);
        matches!(
            origin.kind,
            OriginKind::Value | OriginKind::CueDefault | OriginKind::Default
        ) && file.is_some_and(|file| !file.name().starts_with("schema/"))
    };
    let own = node.origins.iter().find(in_fragment);
    own.or_else(|| {
        node.fields()
            .find_map(|(_, field)| deciding_origin(tree, field))
    })
}

/// Formats CUE that overrides a path in one target.
fn overlay(target: &str, path: &Path) -> String {
    let labels = std::iter::once(target).chain(path.0.iter().map(String::as_str));
    let labels: Vec<String> = labels.map(|name| Path::of([name]).to_string()).collect();
    format!("on: {}: {}", labels.join(": "), Origin::VALUE)
}
