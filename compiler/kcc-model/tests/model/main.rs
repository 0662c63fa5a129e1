//! Tests building and checking the model without the evaluator, one file per case
//! under `cases`. `KCC_UPDATE=1` rewrites the expectations.
//!
//! ```text
//! A sentence that describes the case.
//! -- system --                          lines of `system`, if not the default ones
//! -- storefront --                      a team's lines, for every target
//! services.web.image = "acme/web:1"     a value, as JSON
//! services.web.replicas ~ 2             a constraint
//! services.web.replicas ?= 2            a default
//! -- storefront on prod --              a team's lines for one target; `kcc` is the system's own file
//! -- lock --                            `kcc.lock`
//! -- show prod components.web.env --    a part of the model as JSON
//! -- show prod published.web --         its variables for programs outside the system
//! -- expected --                        all diagnostics
//! ```

mod case;
mod tree;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kcc_diag::{Code, Diagnostic, Diagnostics, Files, Outcome, Stage};
use kcc_model::{Build, CheckedModel, Component, FileData, ReferencedFiles};
use kcc_test_support::golden;
use kcc_tree::ConfigTree;

use case::Case;

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/cases");
    let entries = std::fs::read_dir(directory).expect("the cases exist");
    let mut cases: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    cases.sort();
    let is_case = |path: &PathBuf| path.extension().is_some_and(|it| it == "txtar");
    assert!(cases.iter().all(is_case), "not all are cases: {cases:?}");
    cases
}

/// Reads a file that a fragment refers to; only one exists.
fn read(name: &str) -> Result<FileData, String> {
    let file = |bytes: &[u8], executable| {
        Ok(FileData {
            bytes: bytes.to_vec(),
            executable,
        })
    };
    match name {
        "teams/storefront/there.toml" => file(b"a = 1\n", false),
        "teams/storefront/folder/run.sh" => file(b"#!/bin/sh\n", true),
        "teams/storefront/folder/sub/logo.png" => file(b"\x89PNG\0", false),
        _ => Err("no such file".to_owned()),
    }
}

/// Lists the files of a directory; one has some, one none, and one too many.
fn list(name: &str) -> Result<Vec<String>, String> {
    match name {
        "teams/storefront/folder" => Ok(vec!["run.sh".to_owned(), "sub/logo.png".to_owned()]),
        "teams/storefront/empty" => Ok(Vec::new()),
        "teams/storefront/many" => Ok((0..600).map(|at| at.to_string()).collect()),
        _ => Err("no such directory".to_owned()),
    }
}

/// Checks for a build context; all exist except `lost`.
fn there(name: &str) -> Result<(), String> {
    if name.starts_with("lost") || name.ends_with("nowhere/") {
        return Err("no such directory".to_owned());
    }
    Ok(())
}

/// Hashes a build context; two are readable.
fn context(build: &Build) -> Result<String, String> {
    match build.context.as_str() {
        "app" | "teams/storefront/app" => Ok(format!("{:0<64}", build.args.len() + 1)),
        _ => Err("no such directory".to_owned()),
    }
}

fn examine(case: &Case, tree: &ConfigTree) -> Outcome<CheckedModel> {
    let referred = ReferencedFiles {
        read: &read,
        list: &list,
        check_exists: &there,
        hash_context: &context,
        images: &case.images(),
    };
    kcc_model::examine(tree, Diagnostics::new(), referred)
}

fn run(case: &mut Case) {
    let tree = tree::of(case);
    let examined = examine(case, &tree);
    let (model, found) = match examined {
        Ok(examined) => (Some(examined.value), examined.warnings),
        Err(found) => (None, found),
    };
    let json = |target: &str| model.as_ref().and_then(|model| model.targets.get(target));
    for (target, path, shown) in &mut case.shows {
        let Some(target) = json(target) else {
            "nothing: there are errors\n".clone_into(shown);
            continue;
        };
        if let Some(name) = path.strip_prefix("published.") {
            *shown = format!("{:#}\n", published(&target.components[name]));
            continue;
        }
        let target = serde_json::to_value(target).expect("a model is JSON");
        let part = path
            .split('.')
            .try_fold(&target, |value, name| value.get(name))
            .unwrap_or_else(|| panic!("{}: no {path}", case.name));
        *shown = format!("{part:#}\n");
    }
    case.expected = found.iter().map(|one| describe(one, &tree.files)).collect();
}

/// Returns the variables of a component whose port `N` is reachable at `10000 + N`.
fn published(component: &Component) -> serde_json::Value {
    let ports = component.ports.values();
    let reached = ports.map(|port| (port.number, ("127.0.0.1".to_owned(), 10_000 + port.number)));
    let variables = kcc_model::published_variables(component, &reached.collect());
    serde_json::to_value(variables).expect("texts are JSON")
}

fn describe(found: &Diagnostic, files: &Files) -> String {
    let targets: Vec<_> = found.targets.iter().map(String::as_str).collect();
    let mut text = format!(
        "{} {} {} [{}]\n  {}\n",
        found.severity.as_str(),
        found.code,
        found.subject.shown().unwrap_or_else(|| "-".to_owned()),
        targets.join(" "),
        found.message
    );
    for label in &found.labels {
        let file = files.get(label.span.file).expect("a file");
        let line = file.position(label.span.start).line;
        let mark = if label.primary { '^' } else { '-' };
        let _ = writeln!(text, "  {}:{line} {mark} {}", file.name(), label.text);
    }
    if let Some(help) = &found.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

#[test]
fn cases_match_their_expectations() {
    let mut failures = Vec::new();
    let mut shown = String::new();
    let all = cases();
    assert!(all.len() > 30, "expected more cases");
    for path in all {
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let mut case = Case::parse(&path, &text);
        run(&mut case);
        shown.push_str(&case.expected);
        failures.extend(golden::check(&path, &case.write()).err());
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert_eq!(unshown(&shown), [], "codes without a case");
}

/// Codes that say that something is absent.
const ABSENT: [Code; 22] = [
    Code::CheckMissingGrant,
    Code::CheckNeedPort,
    Code::CheckNeedWithoutPort,
    Code::CheckNoTarget,
    Code::CheckRoutePort,
    Code::CheckSecretWithoutProvider,
    Code::CheckUnknownConfig,
    Code::CheckUnknownNeed,
    Code::CheckUnknownOutput,
    Code::CheckUnknownProbePort,
    Code::CheckUnknownSecret,
    Code::CheckUnknownVariable,
    Code::CheckUnknownVolume,
    Code::CheckUnusedBacking,
    Code::CheckUnusedGrant,
    Code::CheckUnusedConfig,
    Code::CheckUnusedKind,
    Code::CheckUnusedSecret,
    Code::CheckUnusedVolume,
    Code::EvalMissingField,
    Code::EvalUnknownKind,
    Code::OwnNoOwner,
];

#[test]
fn nothing_is_absent_while_no_file_could_be_read_completely() {
    let mut reported = Vec::new();
    for path in cases() {
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let case = Case::parse(&path, &text);
        let mut tree = tree::of(&case);
        let mut files = Files::new();
        for (_, file) in tree.files.iter() {
            // A file without text could not be read at all.
            files.add(file.name(), "");
        }
        tree.partial = files.iter().map(|(id, _)| id).collect();
        tree.files = files.into();
        let found = examine(&case, &tree).map_or_else(|found| found, |examined| examined.warnings);
        let absent = found.iter().filter(|one| {
            // Two engines are as wrong as none, and have its code.
            ABSENT.contains(&one.code) && !one.message.contains(" has both ")
        });
        reported.extend(absent.map(|one| format!("{}: {} {}", case.name, one.code, one.message)));
    }
    assert!(reported.is_empty(), "{}", reported.join("\n"));
}

/// Returns the codes that no case produces. CODEOWNERS has unit tests.
fn unshown(shown: &str) -> Vec<Code> {
    let of_model = |code: &Code| {
        matches!(code.stage(), Stage::Model | Stage::Own | Stage::Check)
            && *code != Code::OwnCodeowners
    };
    let all = Code::ALL.iter().copied().filter(of_model);
    all.filter(|code| !shown.contains(&format!(" {code} ")))
        .collect()
}
