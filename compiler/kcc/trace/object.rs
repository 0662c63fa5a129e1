//! [`rendered`]: the fields of a rendered object, each with the value of the
//! model that it follows and the lines behind that.

use std::collections::BTreeSet;

use kcc_diag::nearest;
use kcc_lower::source::{Rendered, Source, objects};
use kcc_model::TargetModel;
use kcc_tree::{ConfigTree, OriginKind, Path};
use serde::Serialize;

use super::{
    line::{Effect, Line, Role},
    spelling::spellings,
    value::{self, Traced},
};
use crate::{compile, failure::Failure};

/// What is said of a field that no table knows.
pub const UNKNOWN: &str = "what it follows is not known";

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Its path in the object.
    pub field: String,
    /// What is rendered.
    pub rendered: serde_json::Value,
    /// Why kcc writes it, where no path of the model says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<&'static str>,
}

/// A field, and the values of the model that it follows.
pub type Followed = (Field, Vec<Traced>);

/// The fields at and below a path of an object, and what they follow; none
/// where the target has no such object.
pub fn rendered(
    system: &compile::Traced,
    target: &str,
    (kind, name, field): (&str, &str, &Path),
) -> Result<Option<Vec<Followed>>, Failure> {
    let Some(model) = system.model.targets.get(target) else {
        return Ok(None);
    };
    let objects = objects(&system.desired(target)?);
    let Some(object) = find(&objects, kind, name) else {
        return Ok(None);
    };
    let leaves = object.leaves(field);
    if leaves.is_empty() {
        return Err(lacks_field(object, field));
    }
    let fields = leaves.into_iter().map(|(path, rendered)| {
        let (because, traced) = match object.source(model, &path) {
            Some(Source::Model(paths)) => (None, follow(&system.tree, model, &paths)),
            Some(Source::Kcc(why)) => (Some(why), Vec::new()),
            None => (Some(UNKNOWN), Vec::new()),
        };
        let field = Field {
            field: path.to_string(),
            rendered: rendered.clone(),
            because,
        };
        (field, traced)
    });
    Ok(Some(fields.collect()))
}

/// The first of some paths that is there.
fn follow(tree: &ConfigTree, model: &TargetModel, paths: &[Path]) -> Vec<Traced> {
    let target = &model.target;
    for path in paths {
        if path.0.len() == 2 && path.0[0] != "system" {
            return made(tree, target, path);
        }
        let there = spellings(path)
            .iter()
            .any(|spelling| value::node(tree, target, spelling).is_some_and(value::is_there));
        if there {
            // Of a whole part of the model the line that begins it says enough.
            let own = made(tree, target, path);
            let written = own.iter().any(|part| !part.lines.is_empty());
            let whole = value::node(tree, target, path)
                .is_some_and(|node| matches!(node.value, kcc_tree::Value::Struct(_)));
            return if whole && written {
                own
            } else {
                value::trace(tree, target, path)
            };
        }
    }
    Vec::new()
}

/// Who made a component, a need or the like.
pub(super) fn made(tree: &ConfigTree, target: &str, path: &Path) -> Vec<Traced> {
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
        .map(|span| Line::at(&tree.files, *span, Effect::Decides, Role::Value))
        .collect();
    if lines.is_empty()
        && let Some(node) = value::node(tree, target, path)
    {
        lines = node
            .origins
            .iter()
            .filter(|origin| origin.kind == OriginKind::Value)
            .map(|origin| Line::of(&tree.files, origin, Effect::Decides, Role::Value))
            .collect();
    }
    vec![Traced {
        path: path.clone(),
        value: None,
        lines,
    }]
}

/// The object of a kind by its name, or by that of its component where that has
/// one of the kind.
fn find<'a>(objects: &'a [Rendered], kind: &str, name: &str) -> Option<&'a Rendered> {
    let mut of_kind = objects.iter().filter(|object| object.kind == kind);
    if let Some(object) = of_kind.clone().find(|object| object.name == name) {
        return Some(object);
    }
    of_kind.find(|object| object.component.as_deref() == Some(name))
}

/// That an object has no such field, and which was probably meant.
pub(super) fn lacks_field(object: &Rendered, field: &Path) -> Failure {
    let whole = format!("{}/{}", object.kind, object.name);
    let depth = (0..field.0.len())
        .rev()
        .find(|length| object.find(&Path(field.0[..*length].to_vec())).is_some())
        .unwrap_or_default();
    let above = Path(field.0[..depth].to_vec());
    let known: Vec<String> = match object.find(&above) {
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
    let wrong = &field.0[depth];
    let help = match nearest(wrong, known.iter().map(String::as_str)) {
        Some(better) => {
            let mut names = field.0.clone();
            better.clone_into(&mut names[depth]);
            format!("did you mean `{whole}:{}`?", Path(names))
        }
        None if known.is_empty() => format!("`{above}` is a value by itself"),
        None => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("there are {}", known.join(", "))
        }
    };
    Failure::usage(format!("`{whole}` has no field `{field}`"), help)
}

/// That no target has an object, and which was probably meant.
pub fn no_object(
    system: &compile::Traced,
    targets: &BTreeSet<&str>,
    kind: &str,
    name: &str,
) -> Result<Failure, Failure> {
    let mut all = Vec::new();
    for target in targets {
        all.extend(objects(&system.desired(target)?));
    }
    let targets: Vec<&str> = targets.iter().copied().collect();
    Ok(lacks_object(&all, &targets, kind, name))
}

/// The same, among these objects.
pub(super) fn lacks_object(
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
    let message = format!("there is no `{kind}/{name}` in {}", targets.join(", "));
    let kinds: BTreeSet<&str> = known.iter().map(|(kind, _)| kind.as_str()).collect();
    let of_kind = |kind: &str| -> Vec<&str> {
        let names = known.iter().filter(|(other, _)| *other == kind);
        names.map(|(_, name)| name.as_str()).collect()
    };
    let help = if let Some(better) = nearest(name, of_kind(kind)) {
        format!("did you mean `{kind}/{better}`?")
    } else if kinds.contains(kind) {
        let known: Vec<String> = of_kind(kind)
            .iter()
            .map(|name| format!("`{kind}/{name}`"))
            .collect();
        format!("there are {}", known.join(", "))
    } else if let Some(better) = nearest(kind, kinds.iter().copied()) {
        format!("did you mean `{better}/{name}`?")
    } else {
        let known: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        format!("the kinds of objects are {}", known.join(", "))
    };
    Failure::usage(message, help)
}
