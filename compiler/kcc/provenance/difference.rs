//! [`differences`]: the values and policies in which two targets of a system
//! differ, with the lines that declare them.
//!
//! Only differences that fragments declare are reported. The engine, what a recipe
//! derives and the target's own name always differ.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{FileId, Span};
use kcc_model::{Bytes, MilliCpu, Millis};
use kcc_tree::{Node, Origin, OriginKind, Path, Policy, Value};
use serde::Serialize;

use super::{
    line::{Effect, Line, LineKind},
    spelling::spellings,
    value::all_origins,
};
use crate::examined::Examined;

/// The root field that contains the target's name.
const TARGET: &str = "target";
/// Fields of a backing that its recipe derives from declared ones.
const DERIVED: [&str; 2] = ["component", "outputs"];

/// A value or a policy that differs between two targets.
#[derive(Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The path of the value.
    pub path: String,
    /// The team that declares it; `None` for the system's own files.
    pub team: Option<String>,
    /// The value in the first target.
    pub left: Side,
    /// The value in the second target.
    pub right: Side,
}

/// The value in one of the two targets.
#[derive(Debug, PartialEq, Serialize)]
pub struct Side {
    /// The value, for a policy its message; `None` if it is not set.
    pub value: Option<serde_json::Value>,
    /// The lines that declare it.
    pub lines: Vec<Line>,
}

/// Returns the differences between two targets, sorted by path.
pub fn differences(system: &Examined, left: &str, right: &str) -> Vec<Difference> {
    let mut comparison = Comparison {
        system,
        same: same_components(system, left, right),
        found: Vec::new(),
    };
    let root = |target| system.tree.targets.get(target);
    comparison.compare(&Path::default(), root(left), root(right));
    comparison.compare_policies(left, right);
    let mut found = comparison.found;
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let paths: BTreeSet<Path> = found.iter().map(|(path, _)| path.clone()).collect();
    // Report only the first spelling, which is the short one.
    found.retain(|(path, _)| {
        let others = spellings(path);
        !others[1..]
            .iter()
            .any(|other| other < path && paths.contains(other))
    });
    found
        .into_iter()
        .map(|(_, difference)| difference)
        .collect()
}

/// Returns the paths of components whose models are equal in both targets.
fn same_components(system: &Examined, left: &str, right: &str) -> BTreeSet<Path> {
    let components = |target| {
        let model = system.model.targets.get(target);
        model.map(|model| &model.components)
    };
    let (Some(left), Some(right)) = (components(left), components(right)) else {
        return BTreeSet::new();
    };
    let json = |component| serde_json::to_value(component).ok();
    left.iter()
        .filter(|(name, one)| {
            right
                .get(*name)
                .is_some_and(|other| json(*one) == json(other))
        })
        .map(|(_, component)| component.path.clone())
        .collect()
}

struct Comparison<'a> {
    system: &'a Examined,
    same: BTreeSet<Path>,
    found: Vec<(Path, Difference)>,
}

impl Comparison<'_> {
    fn compare<'n>(&mut self, path: &Path, left: Option<&'n Node>, right: Option<&'n Node>) {
        let has_value = |node: Option<&Node>| node.is_some_and(|node| node.value != Value::Absent);
        if self.same.contains(path) || !has_value(left) && !has_value(right) {
            return;
        }
        // A missing root field counts as empty: its contents are what differs.
        let empty = BTreeMap::new();
        let fields = |node: Option<&'n Node>| match node.map(|node| &node.value) {
            Some(Value::Struct(fields)) => Some(fields),
            None | Some(Value::Absent) if path.0.len() < 2 => Some(&empty),
            _ => None,
        };
        if let Some((one, other)) = fields(left).zip(fields(right)) {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let always_differs = path.0.is_empty() && name == TARGET
                    || path.0.len() == 2
                        && path.0[0] == "backing"
                        && DERIVED.contains(&name.as_str());
                if !always_differs {
                    self.compare(&path.join(name), one.get(name), other.get(name));
                }
            }
            return;
        }
        if let (Some(one), Some(other)) = (left, right)
            && is_equivalent(path, one, other)
        {
            return;
        }
        let left = self.side(left.filter(|_| has_value(left)));
        let right = self.side(right.filter(|_| has_value(right)));
        let in_fragment = |line: &&Line| line.is_fragment();
        let one_sided = |side: &Side, other: &Side| {
            let mut lines = side.lines.iter().filter(in_fragment);
            lines.find(|line| !other.lines.contains(line)).cloned()
        };
        let any = |side: &Side| side.lines.iter().find(in_fragment).cloned();
        // Without a line in a fragment, the difference follows from another one.
        let declared = one_sided(&right, &left)
            .or_else(|| one_sided(&left, &right))
            .or_else(|| any(&right))
            .or_else(|| any(&left));
        if let Some(line) = declared {
            let difference = Difference {
                path: path.to_string(),
                team: line.team,
                left,
                right,
            };
            self.found.push((path.clone(), difference));
        }
    }

    /// Compares the policies that apply: their messages, and the lines of what they
    /// require.
    fn compare_policies(&mut self, left: &str, right: &str) {
        let (left, right) = (policies(self.system, left), policies(self.system, right));
        let keys: BTreeSet<_> = left.keys().chain(right.keys()).copied().collect();
        for key in keys {
            let (one, other) = (left.get(&key).copied(), right.get(&key).copied());
            if let (Some(one), Some(other)) = (one, other)
                && one.message == other.message
                && required(one) == required(other)
            {
                continue;
            }
            let (left, right) = (self.policy_side(one), self.policy_side(other));
            let team = left.lines.iter().chain(&right.lines).next();
            let team = team.and_then(|line| line.team.clone());
            let path = Path::of(["policies", key.0]);
            let difference = Difference {
                path: path.to_string(),
                team,
                left,
                right,
            };
            self.found.push((path, difference));
        }
    }

    fn policy_side(&self, policy: Option<&Policy>) -> Side {
        let Some(policy) = policy else {
            return Side {
                value: None,
                lines: Vec::new(),
            };
        };
        let line = |span, effect| {
            let origin = Origin {
                span,
                kind: OriginKind::Constraint,
                by: policy.by,
            };
            Line::of(&self.system.tree.files, &origin, effect, LineKind::Policy)
        };
        let mut lines = vec![line(policy.label, Effect::Decides)];
        for (_, span) in required(policy) {
            let line = line(*span, Effect::Holds);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Side {
            value: Some(policy.message.clone().into()),
            lines,
        }
    }

    fn side(&self, node: Option<&Node>) -> Side {
        let Some(node) = node else {
            return Side {
                value: None,
                lines: Vec::new(),
            };
        };
        let mut lines = Vec::new();
        self.declaring_lines(node, &mut lines);
        Side {
            value: Some(node.to_json()),
            lines,
        }
    }

    /// Collects the lines that give a node its value, or else those of the nodes
    /// below it.
    fn declaring_lines(&self, node: &Node, lines: &mut Vec<Line>) {
        let origins = all_origins(node);
        let strongest = origins
            .iter()
            .map(|origin| origin.kind)
            .filter(|kind| *kind != OriginKind::Constraint)
            .min();
        for origin in origins
            .iter()
            .filter(|origin| Some(origin.kind) == strongest)
        {
            let kind = match origin.kind {
                OriginKind::CueDefault => LineKind::CueDefault,
                OriginKind::Default => LineKind::Default,
                OriginKind::Schema => LineKind::Schema,
                _ => LineKind::Value,
            };
            let line = Line::of(&self.system.tree.files, origin, Effect::Decides, kind);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if lines.is_empty() {
            for (_, below) in node.fields() {
                self.declaring_lines(below, lines);
            }
        }
    }
}

/// Returns the policies of a target, by name and by the file whose they are.
fn policies<'s>(system: &'s Examined, target: &str) -> BTreeMap<(&'s str, FileId), &'s Policy> {
    let policies = system.tree.policies.get(target);
    policies
        .into_iter()
        .flatten()
        .map(|policy| ((policy.name.as_str(), policy.by), &**policy))
        .collect()
}

/// Returns what a policy requires, in an order that does not depend on its form.
fn required(policy: &Policy) -> BTreeSet<&(Path, Span)> {
    policy.requires.iter().collect()
}

/// Returns true if two values are equal after normalisation, such as `"500m"` and
/// `0.5`.
fn is_equivalent(path: &Path, one: &Node, other: &Node) -> bool {
    let (one, other) = (one.to_json(), other.to_json());
    if one == other {
        return true;
    }
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (Some(one), Some(other)) = (text(&one), text(&other)) else {
        return false;
    };
    let equal = |parse: &dyn Fn(&str) -> Option<u64>| {
        parse(&one).is_some_and(|amount| parse(&other) == Some(amount))
    };
    match path.0.last().map(String::as_str) {
        Some("cpu") => equal(&|text| MilliCpu::parse(text).ok().map(|amount| amount.0)),
        Some("memory" | "size") => equal(&|text| Bytes::parse(text).ok().map(|amount| amount.0)),
        Some("deadline" | "gracePeriod" | "delay" | "period" | "timeout") => {
            equal(&|text| Millis::parse(text).ok().map(|time| time.0))
        }
        _ => false,
    }
}
