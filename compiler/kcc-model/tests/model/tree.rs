//! Builds the tree that evaluation would return for the lines of a case.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::{FileId, Files, Span};
use kcc_test_support::tree::{child, node, tree};
use kcc_tree::{ConfigTree, Declaration, Node, Origin, OriginKind, Path, USUAL_TARGETS, Value};
use serde_json::json;

use crate::case::Case;

/// The fields that define the owner of a component.
const OWNING_FIELDS: [&str; 3] = ["image", "build", "kind"];

/// A line: a path, an operator and a value.
struct Line {
    path: Vec<String>,
    /// The span of the path.
    label: Span,
    /// The span of the value.
    span: Span,
    kind: OriginKind,
    value: serde_json::Value,
}

pub(crate) fn of(case: &Case) -> ConfigTree {
    let mut files = Files::new();
    let id = files.add("kcc.cue", case.system());
    let mut system = empty();
    for line in lines(&case.name, id, case.system()) {
        set_line(&mut system, &line);
    }
    let mut targets: BTreeSet<String> = match system.child("targets") {
        Some(targets) => targets.fields().map(|(name, _)| name.to_owned()).collect(),
        None => USUAL_TARGETS.map(|(name, _)| name.to_owned()).into(),
    };
    targets.extend(
        case.fragments
            .iter()
            .filter_map(|fragment| fragment.target.clone()),
    );
    let mut roots: BTreeMap<_, _> = targets.iter().map(|name| (name.clone(), empty())).collect();
    let mut declarations: BTreeMap<String, Vec<Declaration>> = BTreeMap::new();
    for fragment in &case.fragments {
        let id = files.add(fragment.file(), fragment.text.as_str());
        files.set_team(id, fragment.team.clone());
        let lines = lines(&case.name, id, &fragment.text);
        for (target, root) in &mut roots {
            if fragment.target.as_ref().is_none_or(|only| only == target) {
                for line in &lines {
                    set_line(root, line);
                }
                declare(declarations.entry(target.clone()).or_default(), &lines);
            }
        }
    }
    ConfigTree {
        declarations,
        ..tree(files, system, roots)
    }
}

fn empty() -> Node {
    node(&json!({}), None)
}

fn lines(case: &str, file: FileId, text: &str) -> Vec<Line> {
    let mut at = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let (start, line) = (at, line.trim_end());
        at += line.len() + 1;
        if line.is_empty() {
            continue;
        }
        let (operator, kind) = [
            (" = ", OriginKind::Value),
            (" ~ ", OriginKind::Constraint),
            (" ?= ", OriginKind::Default),
        ]
        .into_iter()
        .find(|(operator, _)| line.contains(operator))
        .unwrap_or_else(|| panic!("{case}: no operator in `{line}`"));
        let (path, value) = line.split_once(operator).expect("an operator");
        let span = |start: usize, length: usize| Span {
            file,
            start: u32::try_from(start).expect("a short file"),
            end: u32::try_from(start + length).expect("a short file"),
        };
        lines.push(Line {
            path: names(path),
            label: span(start, path.len()),
            span: span(start + path.len() + operator.len(), value.len()),
            kind,
            value: serde_json::from_str(value)
                .unwrap_or_else(|error| panic!("{case}: `{value}` is not JSON: {error}")),
        });
    }
    lines
}

/// Splits a path into names; a name with a dot is quoted.
fn names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => names.push(String::new()),
            c => names.last_mut().expect("a name").push(c),
        }
    }
    names
}

fn set_line(root: &mut Node, line: &Line) {
    let origin = |span, kind| Origin {
        span,
        kind,
        by: line.span.file,
    };
    let mut at = root;
    let (last, above) = line.path.split_last().expect("a path");
    for name in above {
        at = child(at, name);
        // A struct exists because of the values inside it.
        if line.kind == OriginKind::Value {
            at.origins.push(origin(line.label, OriginKind::Value));
        }
    }
    let at = child(at, last);
    let origin = origin(line.span, line.kind);
    at.origins.push(origin);
    let replaces = line.kind == OriginKind::Value
        || line.kind == OriginKind::Default && at.value == Value::Absent;
    if replaces {
        at.value = node(&line.value, Some(origin)).value;
    }
}

/// Adds the declarations of components in a file.
fn declare(declarations: &mut Vec<Declaration>, lines: &[Line]) {
    let mut of_file: BTreeMap<Path, (bool, Span)> = BTreeMap::new();
    for line in lines {
        let [kind, name, ..] = &line.path[..] else {
            continue;
        };
        if !["services", "jobs", "cronJobs", "backing"].contains(&kind.as_str()) {
            continue;
        }
        let field = line.path.get(2).map(String::as_str);
        let sets_owner = field.is_some_and(|field| OWNING_FIELDS.contains(&field))
            && line.kind == OriginKind::Value;
        let declared = of_file
            .entry(Path::of([kind, name]))
            .or_insert((false, line.label));
        if sets_owner && !declared.0 {
            *declared = (true, line.label);
        }
    }
    for (path, (sets_owner, label)) in of_file {
        let at = declarations.iter().position(|one| one.path == path);
        let at = at.unwrap_or_else(|| {
            declarations.push(Declaration {
                path,
                owners: Vec::new(),
                others: Vec::new(),
            });
            declarations.len() - 1
        });
        let declaration = &mut declarations[at];
        if sets_owner {
            declaration.owners.push(label);
        } else {
            declaration.others.push(label);
        }
    }
}
