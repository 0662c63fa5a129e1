//! [`live_differences`]: the fields in which an engine differs from recorded or declared
//! objects, as the plan that would remove the difference finds them, with the lines behind
//! the desired values.

use kcc_lower::source::{Rendered, Source};
use kcc_plan::{Action, FindingKind, Plan, revision::Content};
use kcc_tree::Path;
use serde_json::Value;

use super::{
    declared::recorded_lines,
    difference::{Difference, Side},
    field_path::FieldPath,
    spelling::spellings,
};

/// The value that is not shown, because it may be a secret.
const HIDDEN: &str = "***";

/// A difference between an object and the engine.
pub struct LiveDifference<'a> {
    /// The object; none if it is not desired.
    pub object: Option<&'a Rendered>,
    /// The path of the field in it; none for the whole object.
    pub field: Option<Path>,
    /// The two sides: the desired one on the left, the live one on the right.
    pub difference: Difference,
}

/// Returns where an engine differs from the desired objects.
pub fn live_differences<'a>(
    plan: &Plan,
    objects: &'a [Rendered],
    content: &Content,
) -> Vec<LiveDifference<'a>> {
    let of = |kind: &str, name: &str| {
        let kind = kind.to_lowercase();
        let mut objects = objects.iter();
        objects.find(|object| object.kind == kind && object.name == name)
    };
    let mut found = Vec::new();
    for operation in plan.operations() {
        let object = of(&operation.kind, &operation.name);
        let named = format!("{}/{}", operation.kind.to_lowercase(), operation.name);
        let whole = |left: Option<Value>, right: Option<Value>| Found {
            field: None,
            left,
            right,
            why: Some(operation.cause.clone()),
        };
        let fields: Vec<Found> = if operation.changes.is_empty() {
            let desired = || object.map(|object| object.value.clone());
            vec![match operation.action {
                Action::Create => whole(desired(), None),
                _ => whole(None, None),
            }]
        } else {
            let changes = operation.changes.iter();
            let changes = changes.map(|change| Found {
                field: Some(change.path.clone()),
                left: shown(change.desired.as_ref()),
                right: shown(change.live.as_ref()),
                why: None,
            });
            changes.collect()
        };
        for one in fields {
            found.push(one.difference(&named, object, operation.team.as_ref(), content));
        }
    }
    for finding in &plan.findings {
        let Some(conflict) = &finding.conflict else {
            // One that is not ready is configured as desired.
            if finding.finding != FindingKind::NotReady {
                let one = Found {
                    field: None,
                    left: None,
                    right: None,
                    why: Some(finding.cause.clone()),
                };
                let named = format!("{}/{}", finding.kind.to_lowercase(), finding.name);
                let object = of(&finding.kind, &finding.name);
                found.push(one.difference(&named, object, finding.team.as_ref(), content));
            }
            continue;
        };
        let Ok(FieldPath::Object { kind, name, field }) = FieldPath::parse(&conflict.field) else {
            continue;
        };
        let one = Found {
            field: Some(field.0.join(".")),
            left: shown(conflict.desired.as_ref()),
            right: shown(conflict.live.as_ref()),
            why: Some(format!("set by `{}`", conflict.owner)),
        };
        let named = format!("{kind}/{name}");
        let object = of(&kind, &name);
        found.push(one.difference(&named, object, finding.team.as_ref(), content));
    }
    found.sort_by(|one, other| one.difference.path.cmp(&other.difference.path));
    found
}

/// A difference before its lines are known.
struct Found {
    field: Option<String>,
    left: Option<Value>,
    right: Option<Value>,
    why: Option<String>,
}

impl Found {
    fn difference<'a>(
        self,
        named: &str,
        object: Option<&'a Rendered>,
        team: Option<&String>,
        content: &Content,
    ) -> LiveDifference<'a> {
        let field = match (&self.field, object) {
            (Some(text), Some(object)) => find(&object.value, text),
            _ => None,
        };
        let path = match (&field, object, &self.field) {
            (Some(field), Some(object), _) => format!("{named}:{}", object.named(field)),
            (None, _, Some(text)) => format!("{named}:{text}"),
            _ => named.to_owned(),
        };
        let lines = object.and_then(|object| {
            let field = field.clone().unwrap_or_default();
            let paths = match object.source(&field) {
                Some(Source::Model(paths)) => paths,
                _ => Vec::new(),
            };
            let mut declared = paths.iter().flat_map(spellings);
            let at = declared.find_map(|path| content.at(&path));
            let name = object.component.as_ref()?;
            let component = || content.at(&content.components.get(name)?.model.path);
            at.or_else(component)
        });
        let lines = lines.map(recorded_lines).unwrap_or_default();
        let declared = lines.first().and_then(|line| line.team.clone());
        LiveDifference {
            object,
            field,
            difference: Difference {
                path,
                team: declared.or_else(|| team.cloned()),
                left: Side {
                    value: self.left,
                    lines,
                },
                right: Side {
                    value: self.right,
                    lines: Vec::new(),
                },
                why: self.why,
            },
        }
    }
}

fn shown(value: Option<&Value>) -> Option<Value> {
    match value {
        None => Some(HIDDEN.into()),
        Some(Value::Null) => None,
        Some(value) => Some(value.clone()),
    }
}

/// Finds a field by the names that lead to it, joined by dots. Names may have dots
/// themselves, as those of labels do.
fn find(value: &Value, text: &str) -> Option<Path> {
    let names: Vec<&str> = text.split('.').collect();
    let mut path = Vec::new();
    below(value, &names, &mut path).then_some(Path(path))
}

fn below(value: &Value, names: &[&str], path: &mut Vec<String>) -> bool {
    if names.is_empty() {
        return true;
    }
    for count in 1..=names.len() {
        let name = names[..count].join(".");
        let next = match value {
            Value::Object(fields) => fields.get(&name).map(|value| (name, value)),
            Value::Array(items) => {
                let is_it = |item: &Value| item["name"].as_str() == Some(name.as_str());
                let at = name.parse().ok().or_else(|| items.iter().position(is_it));
                at.and_then(|at: usize| Some((at.to_string(), items.get(at)?)))
            }
            _ => None,
        };
        if let Some((name, next)) = next {
            path.push(name);
            if below(next, &names[count..], path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_fields_by_names_with_dots() {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"containers": [{"name": "web", "image": "a"}]},
        });
        for (text, path) in [
            (
                "metadata.labels.app.kubernetes.io/name",
                &["metadata", "labels", "app.kubernetes.io/name"][..],
            ),
            (
                "spec.containers.web.image",
                &["spec", "containers", "0", "image"],
            ),
            (
                "spec.containers.0.image",
                &["spec", "containers", "0", "image"],
            ),
        ] {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(find(&object, text), Some(Path(path)), "{text}");
        }
        assert_eq!(find(&object, "spec.replicas"), None);
    }
}
