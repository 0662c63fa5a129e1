//! [`blame_object`]: the fields of a rendered object, each with the value of the
//! model that it comes from and the lines behind that value.

use std::{borrow::Cow, collections::BTreeSet};

use kcc_diag::nearest;
use kcc_lower::source::{Rendered, Source};
use kcc_model::TargetModel;
use kcc_tree::{ConfigTree, OriginKind, Path};
use serde::Serialize;

use super::{
    line::{Effect, Line, LineKind},
    spelling::spellings,
    value::{self, ValueBlame},
};
use crate::{examined::Examined, failure::Failure};

/// The explanation of a field for which lowering recorded no source.
pub const UNKNOWN_SOURCE: &str = "its source is unknown";

/// A field of a rendered object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// The path in the object.
    pub field: String,
    /// The rendered value.
    pub rendered: serde_json::Value,
    /// The reason why kcc sets it, if it does not come from the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Cow<'static, str>>,
}

/// A field with the values of the model that it comes from.
pub type FieldBlame = (Field, Vec<ValueBlame>);

/// Returns the fields at and below a path of an object with their provenance;
/// `None` if the target has no such object.
pub fn blame_object(
    system: &Examined,
    target: &str,
    (kind, name, field): (&str, &str, &Path),
) -> Result<Option<Vec<FieldBlame>>, Failure> {
    let Some(model) = system.model.targets.get(target) else {
        return Ok(None);
    };
    let objects = system.lowered(target)?.objects();
    let Some(object) = find_object(&objects, kind, name) else {
        return Ok(None);
    };
    let leaves = object.leaves(field);
    if leaves.is_empty() {
        return Err(unknown_field(object, field));
    }
    let fields = leaves.into_iter().map(|(path, rendered)| {
        let (because, values) = match object.source(&path) {
            Some(Source::Model(paths)) => (None, blame_first(&system.tree, model, &paths)),
            Some(Source::Kcc(why)) => (Some(why), Vec::new()),
            None => (Some(UNKNOWN_SOURCE.into()), Vec::new()),
        };
        let field = Field {
            field: path.to_string(),
            rendered: rendered.clone(),
            because,
        };
        (field, values)
    });
    Ok(Some(fields.collect()))
}

/// Returns the provenance of the first path that exists.
fn blame_first(tree: &ConfigTree, model: &TargetModel, paths: &[Path]) -> Vec<ValueBlame> {
    let target = &model.target;
    for path in paths {
        if path.0.len() == 2 && path.0[0] != "system" {
            return blame_declaration(tree, target, path);
        }
        let exists = spellings(path)
            .iter()
            .any(|spelling| value::node(tree, target, spelling).is_some_and(value::has_value));
        if exists {
            // For a whole struct, the line that opens it is enough.
            let declaration = blame_declaration(tree, target, path);
            let is_declared = declaration.iter().any(|part| !part.lines.is_empty());
            let is_struct = value::node(tree, target, path)
                .is_some_and(|node| matches!(node.value, kcc_tree::Value::Struct(_)));
            return if is_struct && is_declared {
                declaration
            } else {
                value::blame_value(tree, target, path)
            };
        }
    }
    Vec::new()
}

/// Returns the lines that declare a component, a need or another struct.
pub(super) fn blame_declaration(tree: &ConfigTree, target: &str, path: &Path) -> Vec<ValueBlame> {
    let declarations = tree.declarations.get(target).into_iter().flatten();
    let mut lines: Vec<Line> = declarations
        .filter(|declaration| declaration.path == *path)
        .flat_map(|declaration| {
            if declaration.owners.is_empty() {
                &declaration.others
            } else {
                &declaration.owners
            }
        })
        .map(|span| Line::at(&tree.files, *span, Effect::Decides, LineKind::Value))
        .collect();
    if lines.is_empty()
        && let Some(node) = value::node(tree, target, path)
    {
        lines = node
            .origins
            .iter()
            .filter(|origin| origin.kind == OriginKind::Value)
            .map(|origin| Line::of(&tree.files, origin, Effect::Decides, LineKind::Value))
            .collect();
    }
    vec![ValueBlame {
        path: path.clone(),
        value: None,
        lines,
    }]
}

/// Finds the object of a kind by its own name, or else by that of its component.
fn find_object<'a>(objects: &'a [Rendered], kind: &str, name: &str) -> Option<&'a Rendered> {
    let mut of_kind = objects.iter().filter(|object| object.kind == kind);
    if let Some(object) = of_kind.clone().find(|object| object.name == name) {
        return Some(object);
    }
    of_kind.find(|object| object.component.as_deref() == Some(name))
}

/// Creates the error for a field that an object does not have, with the most
/// similar one.
pub(super) fn unknown_field(object: &Rendered, field: &Path) -> Failure {
    let id = format!("{}/{}", object.kind, object.name);
    let depth = (0..field.0.len())
        .rev()
        .find(|length| object.find(&Path(field.0[..*length].to_vec())).is_some())
        .unwrap_or_default();
    let parent = Path(field.0[..depth].to_vec());
    let known: Vec<String> = match object.find(&parent) {
        Some((_, serde_json::Value::Object(fields))) => fields.keys().cloned().collect(),
        Some((_, serde_json::Value::Array(items))) => {
            let name = |(at, item): (usize, &serde_json::Value)| match item["name"].as_str() {
                Some(name) => name.to_owned(),
                None => at.to_string(),
            };
            items.iter().enumerate().map(name).collect()
        }
        _ => Vec::new(),
    };
    let unknown = &field.0[depth];
    let help = match nearest(unknown, known.iter().map(String::as_str)) {
        Some(similar) => {
            let mut names = field.0.clone();
            similar.clone_into(&mut names[depth]);
            format!("did you mean `{id}:{}`?", Path(names))
        }
        None if known.is_empty() => format!("`{parent}` has no fields"),
        None => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("it has the fields {}", known.join(", "))
        }
    };
    Failure::usage(format!("`{id}` has no field `{field}`"), help)
}

/// Creates the error for an object that no target has, with the most similar one.
pub fn unknown_object_in(
    system: &Examined,
    targets: &BTreeSet<&str>,
    kind: &str,
    name: &str,
) -> Result<Failure, Failure> {
    let mut all = Vec::new();
    for target in targets {
        all.extend(system.lowered(target)?.objects());
    }
    let targets: Vec<&str> = targets.iter().copied().collect();
    Ok(unknown_object(&all, &targets, kind, name))
}

/// Creates the error for an object that is not among `objects`.
pub(super) fn unknown_object(
    objects: &[Rendered],
    targets: &[&str],
    kind: &str,
    name: &str,
) -> Failure {
    let known: BTreeSet<_> = objects
        .iter()
        .map(|object| {
            let name = object.component.as_ref().unwrap_or(&object.name);
            (&object.kind, name)
        })
        .collect();
    let message = format!("no object `{kind}/{name}` in {}", targets.join(", "));
    let kinds: BTreeSet<&str> = known.iter().map(|(kind, _)| kind.as_str()).collect();
    let of_kind = |kind: &str| -> Vec<&str> {
        let names = known.iter().filter(|(other, _)| *other == kind);
        names.map(|(_, name)| name.as_str()).collect()
    };
    let help = if let Some(similar) = nearest(name, of_kind(kind)) {
        format!("did you mean `{kind}/{similar}`?")
    } else if kinds.contains(kind) {
        let known: Vec<String> = of_kind(kind)
            .iter()
            .map(|name| format!("`{kind}/{name}`"))
            .collect();
        format!("the objects of this kind are {}", known.join(", "))
    } else if let Some(similar) = nearest(kind, kinds.iter().copied()) {
        format!("did you mean `{similar}/{name}`?")
    } else {
        let known: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        format!("the kinds of objects are {}", known.join(", "))
    };
    Failure::usage(message, help)
}
