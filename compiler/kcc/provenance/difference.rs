//! [`differences`]: the values and policies in which two sides differ, with the lines that
//! declare them. A side is a target, a revision or another checkout.
//!
//! Only differences that fragments declare are reported. The engine, what a recipe
//! derives and the target's own name always differ.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Bytes, MilliCpu, Millis};
use kcc_tree::Path;
use serde::Serialize;

use super::{
    declared::{Declaration, Declared, DeclaredAs, DeclaredPolicy},
    line::Line,
    spelling::spellings,
};

/// The root field that contains the target's name.
const TARGET: &str = "target";
/// Fields of a backing that its recipe derives from declared ones.
const DERIVED: [&str; 2] = ["component", "outputs"];

/// A value or a policy that differs between two sides.
#[derive(Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The path of the value.
    pub path: String,
    /// The team that declares it; `None` for the system's own files.
    pub team: Option<String>,
    /// The value on the first side.
    pub left: Side,
    /// The value on the second side.
    pub right: Side,
    /// The reason for a difference that the values do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The value on one of the two sides.
#[derive(Debug, PartialEq, Serialize)]
pub struct Side {
    /// The value, for a policy its message; `None` if it is not set.
    pub value: Option<serde_json::Value>,
    /// The lines that declare it.
    pub lines: Vec<Line>,
}

/// Returns the differences between two sides, sorted by path.
pub fn differences(left: &Declared, right: &Declared) -> Vec<Difference> {
    let mut comparison = Comparison {
        same: same_components(left, right),
        found: Vec::new(),
    };
    comparison.compare(&Path::default(), Some(&left.root), Some(&right.root));
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

/// Returns the paths of components whose models are equal on both sides.
fn same_components(left: &Declared, right: &Declared) -> BTreeSet<Path> {
    let components = left.components.iter();
    let same = components.filter(|(path, one)| right.components.get(*path) == Some(*one));
    same.map(|(path, _)| path.clone()).collect()
}

struct Comparison {
    same: BTreeSet<Path>,
    found: Vec<(Path, Difference)>,
}

impl Comparison {
    fn compare<'n>(
        &mut self,
        path: &Path,
        left: Option<&'n Declaration>,
        right: Option<&'n Declaration>,
    ) {
        let has_value = |side: Option<&Declaration>| side.is_some_and(Declaration::has_value);
        if self.same.contains(path) || !has_value(left) && !has_value(right) {
            return;
        }
        // A missing root field counts as empty: its contents are what differs.
        let empty = BTreeMap::new();
        let fields = |side: Option<&'n Declaration>| match side.map(|side| &side.value) {
            Some(DeclaredAs::Struct(fields)) => Some(fields),
            None | Some(DeclaredAs::Absent) if path.0.len() < 2 => Some(&empty),
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
        let (left, right) = (side(left), side(right));
        if let (Some(one), Some(other)) = (&left.value, &right.value)
            && is_equivalent(path, one, other)
        {
            return;
        }
        let in_fragment = |line: &&Line| line.is_fragment();
        let one_sided = |side: &Side, other: &Side| {
            let there = |line: &Line| other.lines.iter().any(|other| other.is_at(line));
            let mut lines = side.lines.iter().filter(in_fragment);
            lines.find(|line| !there(line)).cloned()
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
                why: None,
            };
            self.found.push((path.clone(), difference));
        }
    }

    /// Compares the policies that apply: their messages, and what they require.
    fn compare_policies(&mut self, left: &Declared, right: &Declared) {
        let (left, right) = (&left.policies, &right.policies);
        let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
        for key in keys {
            let (one, other) = (left.get(key), right.get(key));
            if let (Some(one), Some(other)) = (one, other)
                && one.message == other.message
                && one.is_alike(other)
            {
                continue;
            }
            let (left, right) = (policy_side(one), policy_side(other));
            let team = left.lines.iter().chain(&right.lines).next();
            let team = team.and_then(|line| line.team.clone());
            let path = Path::of(["policies", key.0.as_str()]);
            let difference = Difference {
                path: path.to_string(),
                team,
                left,
                right,
                why: None,
            };
            self.found.push((path, difference));
        }
    }
}

impl DeclaredPolicy {
    /// Returns true if the two require the same, as far as is known.
    fn is_alike(&self, other: &Self) -> bool {
        match (&self.requires, &other.requires) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

fn policy_side(policy: Option<&DeclaredPolicy>) -> Side {
    Side {
        value: policy.map(|policy| policy.message.clone().into()),
        lines: policy.map_or_else(Vec::new, |policy| policy.lines.clone()),
    }
}

fn side(declaration: Option<&Declaration>) -> Side {
    let mut lines = Vec::new();
    let declaration = declaration.filter(|declaration| declaration.has_value());
    if let Some(declaration) = declaration {
        declaration.declaring_lines(&mut lines);
    }
    Side {
        value: declaration.and_then(Declaration::to_json),
        lines,
    }
}

/// Returns true if two values are equal after normalisation, such as `"500m"` and
/// `0.5`.
fn is_equivalent(path: &Path, one: &serde_json::Value, other: &serde_json::Value) -> bool {
    if one == other {
        return true;
    }
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (Some(one), Some(other)) = (text(one), text(other)) else {
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
