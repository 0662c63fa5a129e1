//! [`live_differences`]: the fields in which an engine differs from recorded or declared
//! objects, with the lines behind the desired values.

use kcc_lower::source::{Rendered, Source};
use kcc_plan::{
    Deviation, DriftReport, Verdict, find_field,
    revision::{Content, DeclaredLine, DeclaredValue, Role},
};
use kcc_tree::Path;
use serde_json::Value;

use super::{
    declared::recorded_lines,
    difference::{Difference, Side},
    spelling::spellings,
};

/// The value that is not shown, because it may be a secret.
const HIDDEN: &str = "***";

/// A difference between an object and the engine.
pub struct LiveDifference<'a> {
    /// The engine's side of it.
    pub deviation: &'a Deviation,
    /// The object; none if it is not desired.
    pub object: Option<&'a Rendered>,
    /// The path of the field in it; none for the whole object.
    pub field: Option<Path>,
    /// The path in the model, if a fragment declares a value there.
    pub model: Option<Path>,
    /// The path in the model that the field follows, declared or not.
    pub source: Option<Path>,
    /// The two sides: the desired one on the left, the live one on the right.
    pub difference: Difference,
}

/// Returns where an engine differs from the desired objects.
pub fn live_differences<'a>(
    report: &'a DriftReport,
    objects: &'a [Rendered],
    content: &Content,
) -> Vec<LiveDifference<'a>> {
    let found = report.deviations.iter();
    let mut found: Vec<_> = found
        .map(|deviation| difference(deviation, objects, content))
        .collect();
    found.sort_by(|one, other| one.difference.path.cmp(&other.difference.path));
    found
}

fn difference<'a>(
    deviation: &'a Deviation,
    objects: &'a [Rendered],
    content: &Content,
) -> LiveDifference<'a> {
    let kind = deviation.kind.to_lowercase();
    let mut own = objects.iter();
    let object = own.find(|object| object.kind == kind && object.name == deviation.name);
    let named = format!("{kind}/{}", deviation.name);
    let text = deviation.change.as_ref().map(|change| &change.path);
    let field = match (text, object) {
        (Some(text), Some(object)) => find(object, text),
        _ => None,
    };
    let path = match (&field, object, text) {
        (Some(field), Some(object), _) => format!("{named}:{}", object.named(field)),
        (None, _, Some(text)) => format!("{named}:{text}"),
        _ => named,
    };
    let source = field.clone().or_else(|| nearest_field(object?, text?));
    let declared = object.and_then(|object| declared(object, source.as_ref(), content));
    let component = deviation
        .component
        .as_ref()
        .or(object.and_then(|one| one.component.as_ref()));
    let component = component.and_then(|name| content.components.get(name));
    let declaration = || content.at(&component?.model.path);
    let model = declared.map(|declared| declared.path.clone());
    let lines = declared.or_else(declaration).map(recorded_lines);
    let lines = lines.unwrap_or_default();
    let team = lines.first().and_then(|line| line.team.clone());
    let team = team.or_else(|| deviation.team.clone());
    let (left, right) = match (&deviation.change, deviation.verdict) {
        (Some(change), _) => (shown(change.desired.as_ref()), shown(change.live.as_ref())),
        (None, Verdict::Deleted) => (object.map(|object| object.value.clone()), None),
        (None, _) => (None, None),
    };
    let manager = deviation.evidence.manager.as_ref();
    let set_by = manager.map(|manager| format!("set by `{manager}`"));
    LiveDifference {
        deviation,
        object,
        field,
        model,
        source: source.and_then(|field| followed(object?, &field)),
        difference: Difference {
            path,
            team: team.or_else(|| component.map(|component| component.model.team.clone())),
            left: Side { value: left, lines },
            right: Side {
                value: right,
                lines: Vec::new(),
            },
            why: deviation.cause.clone().or(set_by),
        },
    }
}

/// Finds the declared value that a field follows.
fn declared<'c>(
    object: &Rendered,
    field: Option<&Path>,
    content: &'c Content,
) -> Option<&'c DeclaredValue> {
    let Some(Source::Model(paths)) = object.source(field?) else {
        return None;
    };
    // The path of a whole component only tells who declared it.
    let mut paths = paths
        .iter()
        .filter(|path| path.0.len() > 2)
        .flat_map(spellings);
    let decides = |line: &DeclaredLine| line.role != Role::Constraint;
    paths.find_map(|path| {
        let below = || {
            let mut values = content.below(&path);
            values.find(|value| value.lines.iter().any(decides))
        };
        content.at(&path).or_else(below)
    })
}

/// Returns the path in the model that a field follows first.
fn followed(object: &Rendered, field: &Path) -> Option<Path> {
    let Some(Source::Model(paths)) = object.source(field) else {
        return None;
    };
    paths.into_iter().find(|path| path.0.len() > 2)
}

/// Finds the deepest field of an object above a path that it does not have.
fn nearest_field(object: &Rendered, text: &str) -> Option<Path> {
    let ends = text.rmatch_indices('.').map(|(at, _)| at);
    ends.into_iter().find_map(|end| find(object, &text[..end]))
}

fn shown(value: Option<&Value>) -> Option<Value> {
    match value {
        None => Some(HIDDEN.into()),
        Some(Value::Null) => None,
        Some(value) => Some(value.clone()),
    }
}

fn find(object: &Rendered, text: &str) -> Option<Path> {
    find_field(&object.value, text).map(Path)
}
