//! [`blame_value`]: a value of the model with every line behind it, strongest first.

use kcc_tree::{Blame, ConfigTree, Node, Origin, OriginKind, Path, Value};
use serde::Serialize;

use super::{
    line::{Effect, Line, LineKind, Policy},
    spelling::spellings,
};

const BELOW_VALUE: &str = "a value overrides any default";
const BELOW_OWNER: &str = "the owner's default overrides it";
const SCHEMA_DEFAULT: &str = "the schema's default is the weakest";
const REPLACED: &str = "replaced by the same team under `on`";
const NOT_APPLIED: &str = "an alternative field is set";

/// A value with the lines behind it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueBlame {
    /// The path of the value.
    #[serde(serialize_with = "as_text")]
    pub path: Path,
    /// The value; `None` if lines only constrain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The lines, deciding ones first.
    pub lines: Vec<Line>,
}

fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

/// Returns the node at a path; `system` is shared by all targets.
pub(super) fn node<'a>(tree: &'a ConfigTree, target: &str, path: &Path) -> Option<&'a Node> {
    match path.0.split_first() {
        Some((first, below)) if first == "system" => below
            .iter()
            .try_fold(&tree.system, |node, name| node.child(name)),
        _ => tree.get(target, path),
    }
}

/// Returns true if a node has a value.
pub(super) fn has_value(node: &Node) -> bool {
    node.value != Value::Absent
}

/// Returns the value at a path in a target, or all values below it, with their
/// lines; empty if nothing exists there.
pub fn blame_value(tree: &ConfigTree, target: &str, path: &Path) -> Vec<ValueBlame> {
    let spelled = spellings(path)
        .into_iter()
        .find_map(|spelling| Some((self::node(tree, target, &spelling)?, spelling)));
    let Some((node, at)) = spelled else {
        return replaced_only(tree, target, path);
    };
    let mut out = Vec::new();
    below(tree, target, node, &at, path, &mut out);
    let known = tree.blame.get(target).into_iter().flatten();
    for (path_below, blame) in known {
        let Some(rest) = path_below.0.strip_prefix(&at.0[..]) else {
            continue;
        };
        let asked = Path(path.0.iter().chain(rest).cloned().collect());
        if !blame.replaced.is_empty() && !out.iter().any(|blame| blame.path == asked) {
            out.extend(replaced_only(tree, target, &asked));
        }
    }
    out
}

/// Returns the base lines of a field that its team's overlay replaced by an
/// alternative field.
fn replaced_only(tree: &ConfigTree, target: &str, path: &Path) -> Vec<ValueBlame> {
    let known = tree.blame.get(target);
    let mut collector = LineCollector {
        tree,
        decided: true,
        lines: Vec::new(),
    };
    for spelling in spellings(path) {
        if let Some(blame) = known.and_then(|known| known.get(&spelling)) {
            collector.replaced(blame);
        }
    }
    if collector.lines.is_empty() {
        return Vec::new();
    }
    vec![ValueBlame {
        path: path.clone(),
        value: None,
        lines: collector.lines,
    }]
}

/// Collects the values at and below a node, reported under the spelling in `asked`.
fn below(
    tree: &ConfigTree,
    target: &str,
    node: &Node,
    at: &Path,
    asked: &Path,
    out: &mut Vec<ValueBlame>,
) {
    match &node.value {
        Value::Struct(fields) if !fields.is_empty() => {
            let is_declared = |node: &Node| {
                let mut origins = node.origins.iter();
                origins.any(|origin| origin.kind == OriginKind::Value)
            };
            // Declared as `{}` and filled in by the schema only.
            if is_declared(node) && !fields.values().any(|field| any_node(field, &is_declared)) {
                out.push(ValueBlame {
                    path: asked.clone(),
                    value: Some(node.to_json()),
                    lines: lines(tree, target, node, at),
                });
            }
            for (name, field) in fields {
                below(tree, target, field, &at.join(name), &asked.join(name), out);
            }
        }
        _ => out.push(ValueBlame {
            path: asked.clone(),
            value: (node.value != Value::Absent).then(|| node.to_json()),
            lines: lines(tree, target, node, at),
        }),
    }
}

/// Returns true if the predicate holds for a node or any node below it.
fn any_node(node: &Node, predicate: &impl Fn(&Node) -> bool) -> bool {
    predicate(node) || node.fields().any(|(_, field)| any_node(field, predicate))
}

/// Returns the lines behind one value, under all of its spellings.
fn lines(tree: &ConfigTree, target: &str, node: &Node, path: &Path) -> Vec<Line> {
    let mut collector = LineCollector {
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
        // Another spelling may have its own value, as limits and requests do.
        if other.value == Value::Absent || other.value == node.value {
            origins.extend(all_origins(other));
        }
    }
    collector.origins(&origins, node.value != Value::Absent, &blame);
    for blame in blame {
        collector.replaced(blame);
        collector.policies(blame);
    }
    let mut lines = collector.lines;
    lines.sort_by(|a, b| {
        let key = |line: &Line| (line.effect, line.kind);
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)))
    });
    lines.dedup();
    lines
}

/// Returns the origins of a node, for a list including those of its elements.
pub(super) fn all_origins(node: &Node) -> Vec<Origin> {
    let mut origins = node.origins.clone();
    if let Value::List(items) = &node.value {
        for origin in items.iter().flat_map(all_origins) {
            let contains = |outer: &Origin| {
                outer.span.file == origin.span.file
                    && outer.span.start <= origin.span.start
                    && origin.span.end <= outer.span.end
            };
            if !origins.iter().any(contains) {
                origins.push(origin);
            }
        }
    }
    origins
}

struct LineCollector<'a> {
    tree: &'a ConfigTree,
    /// Set once a line decides the value, so that all weaker ones are overruled.
    decided: bool,
    lines: Vec<Line>,
}

impl LineCollector<'_> {
    /// Adds the lines of all layers: values, `*` defaults, the owner's defaults,
    /// those of governing teams, the schema.
    fn origins(&mut self, origins: &[Origin], has_value: bool, blame: &[&Blame]) {
        let of = |kind: OriginKind| origins.iter().filter(move |origin| origin.kind == kind);
        let mut overruled = BELOW_VALUE;
        for origin in of(OriginKind::Value) {
            self.add(origin, Effect::Decides, LineKind::Value, None);
        }
        self.decided = !self.lines.is_empty();
        self.layer(of(OriginKind::CueDefault), LineKind::CueDefault, overruled);

        let defaults = |own: bool| {
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
        self.layer(defaults(true), LineKind::Default, overruled);
        if self.decided != before {
            overruled = BELOW_OWNER;
        }
        self.layer(defaults(false), LineKind::Default, overruled);
        // Defaults without an explanation come from a recipe.
        self.layer(of(OriginKind::Default), LineKind::Default, overruled);

        let decided = self.decided;
        for origin in of(OriginKind::Schema) {
            // A recipe uses declared values; only its defaults are overruled.
            let text = Line::of(&self.tree.files, origin, Effect::Decides, LineKind::Schema).text;
            if decided && text.contains("@default(") {
                self.add(
                    origin,
                    Effect::Overruled,
                    LineKind::Schema,
                    Some(SCHEMA_DEFAULT),
                );
            } else {
                self.add(origin, Effect::Decides, LineKind::Schema, None);
            }
        }
        for origin in of(OriginKind::Constraint) {
            self.add(origin, Effect::Holds, LineKind::Constraint, None);
        }
        for span in blame.iter().filter_map(|blame| blame.schema) {
            let mut line = Line::at(&self.tree.files, span, Effect::Holds, LineKind::Schema);
            if decided && line.text.contains("@default(") {
                line.why = Some("its default is the weakest");
            }
            self.push(line);
        }
    }

    fn layer<'o>(
        &mut self,
        origins: impl Iterator<Item = &'o Origin>,
        kind: LineKind,
        overruled: &'static str,
    ) {
        let decided = self.decided;
        for origin in origins {
            if decided {
                self.add(origin, Effect::Overruled, kind, Some(overruled));
            } else {
                self.add(origin, Effect::Decides, kind, None);
                self.decided = true;
            }
        }
    }

    fn replaced(&mut self, blame: &Blame) {
        for origin in &blame.replaced {
            self.add(origin, Effect::Overruled, LineKind::Value, Some(REPLACED));
        }
    }

    fn policies(&mut self, blame: &Blame) {
        for policy in &blame.policies {
            let mut line = Line::at(
                &self.tree.files,
                policy.span,
                Effect::Holds,
                LineKind::Policy,
            );
            line.policy = Some(Policy {
                name: policy.policy.name.clone(),
                message: policy.policy.message.clone(),
            });
            self.push(line);
        }
    }

    fn add(&mut self, origin: &Origin, effect: Effect, kind: LineKind, why: Option<&'static str>) {
        let mut line = Line::of(&self.tree.files, origin, effect, kind);
        line.why = why;
        self.push(line);
    }

    /// Adds a line, unless it is there already.
    fn push(&mut self, line: Line) {
        let is_known = self.lines.iter().any(|other| {
            (&other.file, other.line, other.column, &other.through)
                == (&line.file, line.line, line.column, &line.through)
                && (other.policy == line.policy)
        });
        if !is_known {
            self.lines.push(line);
        }
    }
}
