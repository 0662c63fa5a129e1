//! [`trace`]: a value of the model with every line behind it, strongest first.

use kcc_tree::{Blame, ConfigTree, Node, Origin, OriginKind, Path, Value};
use serde::Serialize;

use super::{
    line::{Effect, Line, Policy, Role},
    spelling::spellings,
};

const BELOW_VALUE: &str = "a value is stronger than any default";
const BELOW_OWNER: &str = "the owner's default is stronger";
const SCHEMA_DEFAULT: &str = "the schema's default is the weakest";
const REPLACED: &str = "replaced by its own team, under `on`";
const NOT_APPLIED: &str = "another field stands in for this one";

/// One value with its lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Traced {
    /// Its path.
    #[serde(serialize_with = "shown")]
    pub path: Path,
    /// The value; none where lines only constrain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The lines, those that decide first.
    pub lines: Vec<Line>,
}

fn shown<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

/// The node at a path; `system` is the same in every target.
pub(super) fn node<'a>(tree: &'a ConfigTree, target: &str, path: &Path) -> Option<&'a Node> {
    match path.0.split_first() {
        Some((first, below)) if first == "system" => below
            .iter()
            .try_fold(&tree.system, |node, name| node.child(name)),
        _ => tree.get(target, path),
    }
}

/// Whether a node has a value.
pub(super) fn is_there(node: &Node) -> bool {
    node.value != Value::Absent
}

/// The value at a path in a target, or all values below it; none where nothing
/// is there.
pub fn trace(tree: &ConfigTree, target: &str, path: &Path) -> Vec<Traced> {
    let found = spellings(path)
        .into_iter()
        .find_map(|spelling| Some((self::node(tree, target, &spelling)?, spelling)));
    let Some((node, at)) = found else {
        return replaced_alone(tree, target, path);
    };
    let mut out = Vec::new();
    below(tree, target, node, &at, path, &mut out);
    let known = tree.blame.get(target).into_iter().flatten();
    for (place, blame) in known {
        let Some(rest) = place.0.strip_prefix(&at.0[..]) else {
            continue;
        };
        let asked = Path(path.0.iter().chain(rest).cloned().collect());
        if !blame.replaced.is_empty() && !out.iter().any(|traced| traced.path == asked) {
            out.extend(replaced_alone(tree, target, &asked));
        }
    }
    out
}

/// What is left of a value where the overlay of its own team chose an
/// alternative of the field: the lines of the base.
fn replaced_alone(tree: &ConfigTree, target: &str, path: &Path) -> Vec<Traced> {
    let known = tree.blame.get(target);
    let mut gathered = Gathered {
        tree,
        decided: true,
        lines: Vec::new(),
    };
    for spelling in spellings(path) {
        if let Some(blame) = known.and_then(|known| known.get(&spelling)) {
            gathered.replaced(blame);
        }
    }
    if gathered.lines.is_empty() {
        return Vec::new();
    }
    vec![Traced {
        path: path.clone(),
        value: None,
        lines: gathered.lines,
    }]
}

/// The values at and below a node; it is shown under the path that was asked for.
fn below(
    tree: &ConfigTree,
    target: &str,
    node: &Node,
    at: &Path,
    asked: &Path,
    out: &mut Vec<Traced>,
) {
    match &node.value {
        Value::Struct(fields) if !fields.is_empty() => {
            let stated = |node: &Node| {
                let mut origins = node.origins.iter();
                origins.any(|origin| origin.kind == OriginKind::Value)
            };
            // Written as `{}`, and filled in by the schema alone.
            if stated(node) && !fields.values().any(|field| states(field, &stated)) {
                out.push(Traced {
                    path: asked.clone(),
                    value: Some(node.to_json()),
                    lines: lines(tree, target, node, at),
                });
            }
            for (name, field) in fields {
                below(tree, target, field, &at.join(name), &asked.join(name), out);
            }
        }
        _ => out.push(Traced {
            path: asked.clone(),
            value: (node.value != Value::Absent).then(|| node.to_json()),
            lines: lines(tree, target, node, at),
        }),
    }
}

/// Whether something holds of a node or of one below it.
fn states(node: &Node, stated: &impl Fn(&Node) -> bool) -> bool {
    stated(node) || node.fields().any(|(_, field)| states(field, stated))
}

/// The lines behind one value, under all the names that it has.
fn lines(tree: &ConfigTree, target: &str, node: &Node, path: &Path) -> Vec<Line> {
    let mut gathered = Gathered {
        tree,
        decided: false,
        lines: Vec::new(),
    };
    let mut origins: Vec<Origin> = Vec::new();
    let mut blame: Vec<&Blame> = Vec::new();
    let known = tree.blame.get(target);
    for spelling in spellings(path) {
        blame.extend(known.and_then(|known| known.get(&spelling)));
        let Some(other) = self::node(tree, target, &spelling) else {
            continue;
        };
        // Another spelling may be another value, as limits and requests are.
        if other.value == Value::Absent || other.value == node.value {
            origins.extend(all_origins(other));
        }
    }
    gathered.origins(&origins, node.value != Value::Absent, &blame);
    for blame in blame {
        gathered.replaced(blame);
        gathered.policies(blame);
    }
    let mut lines = gathered.lines;
    lines.sort_by(|a, b| {
        let key = |line: &Line| (line.effect, line.role);
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)))
    });
    lines.dedup();
    lines
}

/// The lines of a node; those of a list's elements are its own as well.
pub(super) fn all_origins(node: &Node) -> Vec<Origin> {
    let mut origins = node.origins.clone();
    if let Value::List(items) = &node.value {
        for origin in items.iter().flat_map(all_origins) {
            let inside = |outer: &Origin| {
                outer.span.file == origin.span.file
                    && outer.span.start <= origin.span.start
                    && origin.span.end <= outer.span.end
            };
            if !origins.iter().any(inside) {
                origins.push(origin);
            }
        }
    }
    origins
}

struct Gathered<'a> {
    tree: &'a ConfigTree,
    /// Whether a line stronger than what follows decides.
    decided: bool,
    lines: Vec<Line>,
}

impl Gathered<'_> {
    /// The lines by their layers: values, `*` defaults, the owner's soft values,
    /// those of governing teams, the schema.
    fn origins(&mut self, origins: &[Origin], has_value: bool, blame: &[&Blame]) {
        let of = |kind: OriginKind| origins.iter().filter(move |origin| origin.kind == kind);
        let mut overruled = BELOW_VALUE;
        for origin in of(OriginKind::Value) {
            self.add(origin, Effect::Decides, Role::Value, None);
        }
        self.decided = !self.lines.is_empty();
        self.layer(of(OriginKind::CueDefault), Role::CueDefault, overruled);

        let soft = |own: bool| {
            let lines = blame.iter().flat_map(|blame| &blame.defaults);
            lines
                .filter(move |line| line.own == own)
                .map(|line| &line.origin)
        };
        if !has_value {
            overruled = NOT_APPLIED;
            self.decided = true;
        }
        let before = self.decided;
        self.layer(soft(true), Role::Default, overruled);
        if self.decided != before {
            overruled = BELOW_OWNER;
        }
        self.layer(soft(false), Role::Default, overruled);
        // What is soft and was not found by its path is that of a recipe.
        self.layer(of(OriginKind::Default), Role::Default, overruled);

        let decided = self.decided;
        for origin in of(OriginKind::Schema) {
            // A recipe takes in what is written; only a default gives way to it.
            let text = Line::of(&self.tree.files, origin, Effect::Decides, Role::Schema).text;
            if decided && text.contains("@default(") {
                self.add(
                    origin,
                    Effect::Overruled,
                    Role::Schema,
                    Some(SCHEMA_DEFAULT),
                );
            } else {
                self.add(origin, Effect::Decides, Role::Schema, None);
            }
        }
        for origin in of(OriginKind::Constraint) {
            self.add(origin, Effect::Holds, Role::Constraint, None);
        }
        for span in blame.iter().filter_map(|blame| blame.schema) {
            let mut line = Line::at(&self.tree.files, span, Effect::Holds, Role::Schema);
            if decided && line.text.contains("@default(") {
                line.why = Some("its default is the weakest");
            }
            self.push(line);
        }
    }

    fn layer<'o>(
        &mut self,
        origins: impl Iterator<Item = &'o Origin>,
        role: Role,
        overruled: &'static str,
    ) {
        let decided = self.decided;
        for origin in origins {
            if decided {
                self.add(origin, Effect::Overruled, role, Some(overruled));
            } else {
                self.add(origin, Effect::Decides, role, None);
                self.decided = true;
            }
        }
    }

    fn replaced(&mut self, blame: &Blame) {
        for origin in &blame.replaced {
            self.add(origin, Effect::Overruled, Role::Value, Some(REPLACED));
        }
    }

    fn policies(&mut self, blame: &Blame) {
        for policy in &blame.policies {
            let mut line = Line::at(&self.tree.files, policy.span, Effect::Holds, Role::Policy);
            line.policy = Some(Policy {
                name: policy.policy.name.clone(),
                message: policy.policy.message.clone(),
            });
            self.push(line);
        }
    }

    fn add(&mut self, origin: &Origin, effect: Effect, role: Role, why: Option<&'static str>) {
        let mut line = Line::of(&self.tree.files, origin, effect, role);
        line.why = why;
        self.push(line);
    }

    /// Adds a line, unless the place has been named.
    fn push(&mut self, line: Line) {
        let named = self.lines.iter().any(|other| {
            (&other.file, other.line, other.column, &other.through)
                == (&line.file, line.line, line.column, &line.through)
                && (other.policy == line.policy)
        });
        if !named {
            self.lines.push(line);
        }
    }
}
