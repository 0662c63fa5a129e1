//! Changes of a live system by other tools, and the lines that `kcc drift` has to give for
//! each: the same on both engines.

use std::{fmt::Write, fs};

use kcc_plan::{Deviation, Grade};
use kcc_test_support::CommandOutput;
use serde_json::Value;

use crate::ExampleCopy;

/// A change by another tool.
pub struct Change {
    /// Its description.
    pub name: &'static str,
    /// The commands of the engine's own tool, words separated by spaces.
    pub commands: &'static [&'static str],
    /// The expected lines, in any order: verdict, path, applied and live value, grade of the
    /// evidence, line and team. `…` stands for anything.
    pub lines: &'static [&'static str],
    /// The commands that undo what `--revert` leaves alone.
    pub undo: &'static [&'static str],
}

/// The fragment of the system that is changed.
pub const FRAGMENT: &str = include_str!("drift/fragment.cue");

/// Makes each change, checks what is reported, reverts it, and checks that nothing is left.
/// `options` are added to `kcc drift`, and `tool` runs a command of the engine's tool.
pub fn changes_are_found_and_reverted(
    copy: &ExampleCopy,
    changes: &[Change],
    options: &[&str],
    tool: impl Fn(&str),
    named: impl Fn(&str) -> String,
) {
    let target = copy.target();
    let look = |format: &str| {
        let args = ["drift", "--target", target, "--settle", "0s", "--exit-code"];
        copy.run(&[&args[..], &["--format", format], options].concat())
    };
    let mut failures = String::new();
    for change in changes {
        change.commands.iter().for_each(|command| tool(command));
        let ran = look("json");
        let mut found = lines(&ran);
        found.sort();
        let mut expected: Vec<_> = change.lines.iter().map(|line| named(line)).collect();
        expected.sort();
        let code = Some(i32::from(!expected.is_empty()));
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(one, other)| matches(one, other));
        if !same || ran.code != code {
            let _ = writeln!(
                failures,
                "{}: {found:#?}, expected {expected:#?}",
                change.name
            );
        }
        change.undo.iter().for_each(|command| tool(command));
        let revert = [
            "drift", "--target", target, "--settle", "0s", "--revert", "--yes",
        ];
        let reverted = copy.run(&revert);
        let left = look("json");
        if reverted.code != Some(0) || left.code != Some(0) {
            let _ = writeln!(failures, "{}: {reverted:#?} {left:#?}", change.name);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Checks that live values are adopted in the notation of the fragment, and that an apply
/// then changes nothing and leaves no drift.
pub fn live_values_are_adopted(copy: &ExampleCopy, change: impl Fn(), lines: &[[&str; 2]]) {
    let target = copy.target();
    let look = ["drift", "--target", target, "--settle", "0s"];
    let run = |more: &[&str]| copy.run(&[&look[..], more].concat());
    change();
    let text = fs::read_to_string(copy.path("kcc.cue")).unwrap();
    let mut expected = text.clone();
    for [old, new] in lines {
        assert_eq!(expected.matches(old).count(), 1, "{old}: {expected}");
        expected = expected.replace(old, new);
    }
    // A policy is in the way: nothing is written.
    let policy = "policies: small: {message: \"web has its limit\", \
                  require: services: web: resources: memory: \"64Mi\"}\n";
    fs::write(
        copy.path("policy.cue"),
        format!("package hello\n\n{policy}"),
    )
    .unwrap();
    let refused = run(&["--adopt"]);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.err.contains("web has its limit"), "{refused:#?}");
    assert_eq!(fs::read_to_string(copy.path("kcc.cue")).unwrap(), text);
    fs::remove_file(copy.path("policy.cue")).unwrap();
    // Another value may be in the way as well.
    copy.edit("kcc.cue", "needs: cart: {}", "needs: cart: {} // edited");
    let stale = run(&["--adopt"]);
    assert!(
        stale.err.contains("kcc::drift::not-adoptable"),
        "{stale:#?}"
    );
    assert!(stale.err.contains("check out what was"), "{stale:#?}");
    fs::write(copy.path("kcc.cue"), &text).unwrap();
    let adopted = run(&["--adopt"]);
    assert_eq!(adopted.code, Some(0), "{adopted:#?}");
    assert_eq!(fs::read_to_string(copy.path("kcc.cue")).unwrap(), expected);
    copy.apply();
    let left = run(&["--exit-code"]);
    assert_eq!(left.code, Some(0), "{left:#?}");
}

/// Returns true if a line is as expected; `…` stands for anything.
fn matches(line: &str, expected: &str) -> bool {
    match expected.split_once('…') {
        None => line == expected,
        Some((start, end)) => line.starts_with(start) && line.ends_with(end),
    }
}

/// Formats the differences that count as drift.
fn lines(ran: &CommandOutput) -> Vec<String> {
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let all = document["deviations"].as_array().cloned();
    let all = all.unwrap_or_else(|| panic!("{ran:#?}")).into_iter();
    let drift = all.filter(|found| found["drift"] == true);
    drift
        .map(|found| {
            let text = |name: &str| found[name].as_str().unwrap_or("-").to_owned();
            let value = |name: &str| found.get(name).map_or("***".to_owned(), Value::to_string);
            let values = match (found.get("desired"), found.get("live")) {
                (None, None) => String::new(),
                _ => format!(" {} → {}", value("desired"), value("live")),
            };
            let line = &found["lines"][0];
            let place = match line["line"].as_u64() {
                Some(number) => format!("{}:{number}", line["file"].as_str().unwrap_or_default()),
                None => "-".to_owned(),
            };
            format!(
                "{} {}{values}, {}, {place}, {}",
                text("verdict"),
                text("path"),
                found["evidence"]["grade"].as_str().unwrap_or_default(),
                text("team")
            )
        })
        .collect()
}

/// Checks the differences that a change gives, each as a line, in any order. Nothing in
/// them may be a secret.
pub fn has_differences(change: &str, found: &[Deviation], expected: &[&str]) {
    let mut lines: Vec<_> = found.iter().map(line).collect();
    lines.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(lines, expected, "{change}");
    let shown = format!("{found:?}");
    assert!(!shown.contains("s3cret"), "{change}: {shown}");
}

fn line(found: &Deviation) -> String {
    let verdict = found.verdict.as_str();
    let object = format!("{}/{}", found.kind, found.name);
    let change = found.change.as_ref();
    let change = change.map_or_else(String::new, |change| format!(" {change}"));
    let manager = found.evidence.manager.as_deref().unwrap_or_default();
    let evidence = match found.evidence.grade {
        Grade::Unknown => String::new(),
        grade => format!(", {} {manager}", grade.as_str()),
    };
    format!("{verdict} {object}{change}{evidence}")
}
