//! [`FragmentOrigins`]: whose value each field of the desired objects is, for
//! the engine crates, which know nothing of fragments.
//!
//! A field gives way to another writer's value only if nobody but kcc gave it
//! one, so in doubt a field counts as stated.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use kcc_lower::{
    Desired, EngineDesired,
    source::{Rendered, Source, is_required, objects},
};
use kcc_model::CheckedModel;
use kcc_plan::{Origin, Origins, spell_field};
use kcc_tree::{ConfigTree, Node, Origin as Written, OriginKind, Path};

use super::{
    Place,
    line::{Effect, Line, Role as Shown},
    object::{lacks_field, lacks_object},
    place::unknown,
    spelling::spellings,
    value,
};
use crate::failure::Failure;

/// The fragments behind the desired objects of one target.
pub struct FragmentOrigins {
    tree: Arc<ConfigTree>,
    model: Arc<CheckedModel>,
    desired: Arc<Desired>,
    /// Made when the first field is asked for: most plans meet no other writer.
    objects: OnceLock<Vec<Rendered>>,
}

impl FragmentOrigins {
    /// Of a target that is compiled.
    pub fn new(tree: Arc<ConfigTree>, model: Arc<CheckedModel>, desired: Arc<Desired>) -> Self {
        Self {
            tree,
            model,
            desired,
            objects: OnceLock::new(),
        }
    }

    /// The fields that `--take` names: what [`Conflict::field`] says of them, and
    /// every spelling of a path of the model.
    ///
    /// [`Conflict::field`]: kcc_plan::Conflict::field
    pub fn fields(&self, names: &[String]) -> Result<BTreeSet<String>, Failure> {
        let target = &self.desired.target;
        if !names.is_empty() && matches!(self.desired.engine, EngineDesired::Docker(_)) {
            return Err(Failure::usage(
                format!("`--take` is for Kubernetes, and `{target}` runs on docker"),
                "leave it out: on docker nobody else owns fields",
            ));
        }
        let mut fields = BTreeSet::new();
        for name in names {
            match Place::parse(name)? {
                Place::Model(path) => {
                    let spellings = spellings(&path);
                    let known = |path| value::node(&self.tree, target, path).is_some();
                    if !spellings.iter().any(known) {
                        return Err(unknown(
                            &self.tree,
                            &BTreeSet::from([target.as_str()]),
                            &path,
                        ));
                    }
                    fields.extend(spellings.iter().map(ToString::to_string));
                }
                Place::Rendered { kind, name, field } => {
                    let objects = self.objects();
                    let mut own = objects
                        .iter()
                        .filter(|object| object.kind == kind && object.name == name);
                    let Some(object) = own.next() else {
                        return Err(lacks_object(objects, &[target], &kind, &name));
                    };
                    let leaves = object.leaves(&field);
                    if leaves.is_empty() {
                        return Err(lacks_field(object, &field));
                    }
                    fields.extend(
                        leaves
                            .iter()
                            .map(|(path, _)| spell_field(&kind, &name, &object.named(path).0)),
                    );
                }
            }
        }
        Ok(fields)
    }

    fn objects(&self) -> &[Rendered] {
        self.objects.get_or_init(|| objects(&self.desired))
    }

    /// The path of the model that a field follows and somebody wrote, with the
    /// line that decides.
    fn stated(&self, paths: &[Path]) -> Option<(Path, &Node, &Written)> {
        let target = &self.desired.target;
        // The path of a whole component says only who made it.
        let paths = paths.iter().filter(|path| path.0.len() > 2);
        paths.flat_map(spellings).find_map(|path| {
            let node = value::node(&self.tree, target, &path)?;
            let origin = decides(&self.tree, node)?;
            Some((path, node, origin))
        })
    }

    fn origin(&self, object: &Rendered, field: &Path) -> Origin {
        let target = &self.desired.target;
        if is_required(field) {
            return Origin::Required;
        }
        let source = self
            .model
            .targets
            .get(target)
            .and_then(|model| object.source(model, field));
        let paths = match source {
            Some(Source::Model(paths)) => paths,
            Some(Source::Kcc(_)) => return Origin::Default,
            None => return Origin::Required,
        };
        let Some((path, node, written)) = self.stated(&paths) else {
            return Origin::Default;
        };
        let line = Line::of(&self.tree.files, written, Effect::Decides, Shown::Value);
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
            // An object that an isolated copy calls otherwise.
            None => Origin::Required,
        }
    }
}

/// The line of a fragment that gives a node its value, or one below it.
fn decides<'a>(tree: &ConfigTree, node: &'a Node) -> Option<&'a Written> {
    if !value::is_there(node) {
        return None;
    }
    let states = |origin: &&Written| {
        let file = tree.files.get(origin.span.file);
        matches!(
            origin.kind,
            OriginKind::Value | OriginKind::CueDefault | OriginKind::Default
        ) && file.is_some_and(|file| !file.name().starts_with("schema/"))
    };
    let own = node.origins.iter().find(states);
    own.or_else(|| node.fields().find_map(|(_, field)| decides(tree, field)))
}

/// CUE that states another value for a path in one target.
fn overlay(target: &str, path: &Path) -> String {
    let labels = std::iter::once(target).chain(path.0.iter().map(String::as_str));
    let labels: Vec<String> = labels.map(|name| Path::of([name]).to_string()).collect();
    format!("on: {}: {}", labels.join(": "), Origin::VALUE)
}
