//! [`differences`]: where two targets of one system differ, and the lines that
//! say so.
//!
//! Only what fragments state is shown. That the engines differ, what follows
//! from a recipe, and the name of the target itself are differences by nature.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{Bytes, MilliCpu, Millis};
use kcc_tree::{Node, OriginKind, Path, Value};
use serde::Serialize;

use super::{
    line::{Effect, Line, Role},
    spelling::spellings,
    value::all_origins,
};
use crate::compile::Traced;

/// The root field that names the target.
const TARGET: &str = "target";
/// What a recipe makes of a backing: it follows from what is stated.
const MADE: [&str; 2] = ["component", "outputs"];

/// One difference.
#[derive(Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// The team that states it; none for the system's own files.
    pub team: Option<String>,
    /// The first target's side.
    pub left: Side,
    /// The other's.
    pub right: Side,
}

/// What one target has.
#[derive(Debug, PartialEq, Serialize)]
pub struct Side {
    /// The value; none where nothing is there.
    pub value: Option<serde_json::Value>,
    /// The lines that state it.
    pub lines: Vec<Line>,
}

/// Everything that two targets differ in, in the order of paths.
pub fn differences(system: &Traced, left: &str, right: &str) -> Vec<Difference> {
    let mut comparing = Comparing {
        system,
        same: same_components(system, left, right),
        found: Vec::new(),
    };
    let root = |target| system.tree.targets.get(target);
    comparing.compare(&Path::default(), root(left), root(right));
    let mut found = comparing.found;
    let paths: BTreeSet<Path> = found.iter().map(|(path, _)| path.clone()).collect();
    // Of several spellings the first, which is the short one, says it all.
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

/// The paths of components that come to the same in both targets.
fn same_components(system: &Traced, left: &str, right: &str) -> BTreeSet<Path> {
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

struct Comparing<'a> {
    system: &'a Traced,
    same: BTreeSet<Path>,
    found: Vec<(Path, Difference)>,
}

impl Comparing<'_> {
    fn compare<'n>(&mut self, path: &Path, left: Option<&'n Node>, right: Option<&'n Node>) {
        let there = |node: Option<&Node>| node.is_some_and(|node| node.value != Value::Absent);
        if self.same.contains(path) || !there(left) && !there(right) {
            return;
        }
        // A root field is no statement, but what is in it.
        let nothing = BTreeMap::new();
        let fields = |node: Option<&'n Node>| match node.map(|node| &node.value) {
            Some(Value::Struct(fields)) => Some(fields),
            None | Some(Value::Absent) if path.0.len() < 2 => Some(&nothing),
            _ => None,
        };
        if let Some((one, other)) = fields(left).zip(fields(right)) {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let by_nature = path.0.is_empty() && name == TARGET
                    || path.0.len() == 2 && path.0[0] == "backing" && MADE.contains(&name.as_str());
                if !by_nature {
                    self.compare(&path.join(name), one.get(name), other.get(name));
                }
            }
            return;
        }
        if let (Some(one), Some(other)) = (left, right)
            && same(path, one, other)
        {
            return;
        }
        let left = self.side(left.filter(|_| there(left)));
        let right = self.side(right.filter(|_| there(right)));
        let fragment = |line: &&Line| line.is_fragment();
        let one_sided = |side: &Side, other: &Side| {
            let mut lines = side.lines.iter().filter(fragment);
            lines.find(|line| !other.lines.contains(line)).cloned()
        };
        let any = |side: &Side| side.lines.iter().find(fragment).cloned();
        // What no fragment states follows from something that one does.
        let stated = one_sided(&right, &left)
            .or_else(|| one_sided(&left, &right))
            .or_else(|| any(&right))
            .or_else(|| any(&left));
        if let Some(line) = stated {
            let difference = Difference {
                path: path.to_string(),
                team: line.team,
                left,
                right,
            };
            self.found.push((path.clone(), difference));
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
        self.stating(node, &mut lines);
        Side {
            value: Some(node.to_json()),
            lines,
        }
    }

    /// The lines that give a node its value; where it has none of its own,
    /// those of what is below it.
    fn stating(&self, node: &Node, lines: &mut Vec<Line>) {
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
            let role = match origin.kind {
                OriginKind::CueDefault => Role::CueDefault,
                OriginKind::Default => Role::Default,
                OriginKind::Schema => Role::Schema,
                _ => Role::Value,
            };
            let line = Line::of(&self.system.tree.files, origin, Effect::Decides, role);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if lines.is_empty() {
            for (_, below) in node.fields() {
                self.stating(below, lines);
            }
        }
    }
}

/// Whether two values come to the same, as `"500m"` and `0.5` do.
fn same(path: &Path, one: &Node, other: &Node) -> bool {
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
