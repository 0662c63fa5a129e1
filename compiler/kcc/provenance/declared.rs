//! [`Declared`]: the values that fragments declare for one target, as a side of a
//! comparison. It is made of an evaluated system or of a recorded revision, and whatever
//! compares sees no difference between the two.

use std::collections::{BTreeMap, BTreeSet};

use kcc_plan::revision::{Content, DeclaredLine, DeclaredValue, Role};
use kcc_tree::{Node, Origin, OriginKind, Path, Policy, Value};
use serde_json::{Map, Value as Json};

use super::{
    line::{Effect, Line, LineKind},
    value::all_origins,
};
use crate::examined::Examined;

/// The values that fragments declare for one target.
#[derive(Debug, Default)]
pub struct Declared {
    pub(super) root: Declaration,
    /// The models of components by path: two spellings may mean the same.
    pub(super) components: BTreeMap<Path, Json>,
    /// The policies that apply, by name and by the file whose they are.
    pub(super) policies: BTreeMap<(String, String), DeclaredPolicy>,
}

/// A value with the lines that give it.
#[derive(Debug, Default)]
pub(super) struct Declaration {
    pub(super) value: DeclaredAs,
    lines: Vec<Line>,
}

/// The form of a value.
#[derive(Debug, Default)]
pub(super) enum DeclaredAs {
    /// It is not set.
    #[default]
    Absent,
    /// A struct with fields.
    Struct(BTreeMap<String, Declaration>),
    /// Anything else.
    Leaf(Json),
}

/// A policy that applies.
#[derive(Debug)]
pub(super) struct DeclaredPolicy {
    pub(super) message: String,
    /// The requirements, as paths with their text; none for a revision, which does not
    /// record them.
    pub(super) requires: Option<BTreeSet<(String, String)>>,
    pub(super) lines: Vec<Line>,
}

impl Declared {
    /// Reads a target of an evaluated system.
    pub fn of_target(system: &Examined, target: &str) -> Self {
        let tree = &system.tree;
        let files = Files(system);
        let mut root = match tree.targets.get(target) {
            Some(node) => files.declaration(node),
            None => Declaration::default(),
        };
        root.field("system", files.declaration(&tree.system));
        let model = system.model.targets.get(target);
        let components = model
            .into_iter()
            .flat_map(|model| model.components.values());
        let policies = tree.policies.get(target).into_iter().flatten();
        Self {
            root,
            components: components
                .filter_map(|model| Some((model.path.clone(), json(model)?)))
                .collect(),
            policies: policies.map(|policy| files.policy(policy)).collect(),
        }
    }

    /// Reads a recorded revision.
    pub fn of_content(content: &Content) -> Self {
        let mut root = Declaration::default();
        for declared in content.values() {
            let at = declared.path.0.iter();
            let at = at.fold(&mut root, |node, name| node.below(name));
            at.lines = recorded_lines(declared);
            match &declared.value {
                Some(value) => at.value = DeclaredAs::Leaf(value.clone()),
                None => _ = at.fields(),
            }
        }
        let components = content.components.values();
        let policies = content.shared.policies.iter().map(|policy| {
            let line = Line {
                kind: LineKind::Policy,
                ..recorded_line(&policy.line, None)
            };
            let declared = DeclaredPolicy {
                message: policy.message.clone(),
                requires: None,
                lines: vec![line],
            };
            ((policy.name.clone(), policy.line.file.clone()), declared)
        });
        Self {
            root,
            components: components
                .filter_map(|one| Some((one.model.path.clone(), json(&one.model)?)))
                .collect(),
            policies: policies.collect(),
        }
    }
}

fn json(model: &kcc_model::Component) -> Option<Json> {
    serde_json::to_value(model).ok()
}

/// Iterates over the lines of the strongest kind, constraints aside.
fn strongest<T, K: Ord + Copy>(
    all: &[T],
    counts: fn(&T) -> bool,
    kind: fn(&T) -> K,
) -> impl Iterator<Item = &T> {
    let best = all.iter().filter(|one| counts(one)).map(kind).min();
    all.iter().filter(move |one| Some(kind(one)) == best)
}

/// Returns the lines that give a recorded value.
pub(super) fn recorded_lines(declared: &DeclaredValue) -> Vec<Line> {
    let decides = |line: &DeclaredLine| line.role != Role::Constraint;
    let lines = strongest(&declared.lines, decides, |line| line.role);
    lines
        .map(|line| recorded_line(line, declared.value.as_ref()))
        .collect()
}

/// Makes a line of a recorded one, whose end is not recorded. A text that is the value
/// itself is not recorded either.
fn recorded_line(line: &DeclaredLine, value: Option<&Json>) -> Line {
    let text = line.text.clone();
    let text = text.or_else(|| value.map(Json::to_string));
    Line {
        effect: Effect::Decides,
        kind: match line.role {
            Role::Value => LineKind::Value,
            Role::CueDefault => LineKind::CueDefault,
            Role::Default => LineKind::Default,
            Role::Constraint => LineKind::Constraint,
        },
        file: line.file.clone(),
        line: line.line,
        column: line.column,
        end_line: None,
        end_column: None,
        team: line.team.clone(),
        through: line.through.clone(),
        text: text.unwrap_or_default(),
        policy: None,
        why: None,
        commit: None,
    }
}

/// The evaluated system whose lines are read.
struct Files<'a>(&'a Examined);

impl Files<'_> {
    fn declaration(&self, node: &Node) -> Declaration {
        let value = match &node.value {
            Value::Absent => DeclaredAs::Absent,
            Value::Struct(fields) => DeclaredAs::Struct(
                fields
                    .iter()
                    .map(|(name, field)| (name.clone(), self.declaration(field)))
                    .collect(),
            ),
            _ => DeclaredAs::Leaf(node.to_json()),
        };
        let origins = all_origins(node);
        let decides = |origin: &Origin| origin.kind != OriginKind::Constraint;
        let mut lines = Vec::new();
        for origin in strongest(&origins, decides, |origin| origin.kind) {
            let kind = match origin.kind {
                OriginKind::CueDefault => LineKind::CueDefault,
                OriginKind::Default => LineKind::Default,
                OriginKind::Schema => LineKind::Schema,
                _ => LineKind::Value,
            };
            let line = Line::of(&self.0.tree.files, origin, Effect::Decides, kind);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Declaration { value, lines }
    }

    fn policy(&self, policy: &Policy) -> ((String, String), DeclaredPolicy) {
        let files = &self.0.tree.files;
        let line = |span, effect| {
            let origin = Origin {
                span,
                kind: OriginKind::Constraint,
                by: policy.by,
            };
            Line::of(files, &origin, effect, LineKind::Policy)
        };
        let mut lines = vec![line(policy.label, Effect::Decides)];
        // In an order that does not depend on the form of the policy.
        let sorted: BTreeSet<_> = policy.requires.iter().collect();
        for (_, span) in &sorted {
            let line = line(*span, Effect::Holds);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let requires = sorted
            .into_iter()
            .map(|(path, span)| (path.to_string(), files.text(*span).to_owned()));
        let file = files.get(policy.by).map(|file| file.name().to_owned());
        let declared = DeclaredPolicy {
            message: policy.message.clone(),
            requires: Some(requires.collect()),
            lines,
        };
        ((policy.name.clone(), file.unwrap_or_default()), declared)
    }
}

impl Declaration {
    /// Returns the fields of a struct, which it becomes if it is none.
    fn fields(&mut self) -> &mut BTreeMap<String, Self> {
        if !matches!(self.value, DeclaredAs::Struct(_)) {
            self.value = DeclaredAs::Struct(BTreeMap::new());
        }
        match &mut self.value {
            DeclaredAs::Struct(fields) => fields,
            _ => unreachable!("it was made a struct"),
        }
    }

    /// Returns a field, which it gets if it has none of that name.
    fn below(&mut self, name: &str) -> &mut Self {
        self.fields().entry(name.to_owned()).or_default()
    }

    fn field(&mut self, name: &str, field: Self) {
        *self.below(name) = field;
    }

    /// Returns true if it is set.
    pub(super) fn has_value(&self) -> bool {
        !matches!(self.value, DeclaredAs::Absent)
    }

    /// Returns the value as JSON.
    pub(super) fn to_json(&self) -> Option<Json> {
        match &self.value {
            DeclaredAs::Absent => None,
            DeclaredAs::Leaf(value) => Some(value.clone()),
            DeclaredAs::Struct(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.filter_map(|(name, field)| Some((name.clone(), field.to_json()?)));
                Some(Json::Object(fields.collect::<Map<_, _>>()))
            }
        }
    }

    /// Collects the lines that give it its value, or else those of the values below it.
    pub(super) fn declaring_lines(&self, lines: &mut Vec<Line>) {
        for line in &self.lines {
            if !lines.contains(line) {
                lines.push(line.clone());
            }
        }
        if lines.is_empty()
            && let DeclaredAs::Struct(fields) = &self.value
        {
            for field in fields.values() {
                field.declaring_lines(lines);
            }
        }
    }
}
