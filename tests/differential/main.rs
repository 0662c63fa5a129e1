//! Checks some of the systems that `go test` compares with plain CUE with the real binary: it
//! accepts them, or rejects them at one of the same lines.
//!
//! The expectations are CUE's own, written into the systems by `go test`, so this needs neither Go
//! nor the `cue` tool. `KCC_ROUNDS=all` checks every system.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::ExitCode,
};

use kcc_test_support::{Archive, CommandOutput, directory_with, kcc, root, write};
use libtest_mimic::{Arguments, Failed, Trial};

/// One in so many systems is checked.
const EVERY: usize = 8;

/// The package clause of fragments without one.
const CLAUSE: &str = "package s\n";

/// One system of a file.
struct System {
    name: String,
    files: BTreeMap<String, String>,
    /// The expected result of kcc.
    expected: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let here = root().join("tests/differential");
    let known = fs::read_to_string(here.join("known-defects.txt")).unwrap();
    let base = base(&fs::read_to_string(here.join("system.go")).unwrap());
    let every = if env::var("KCC_ROUNDS").is_ok_and(|rounds| rounds == "all") {
        1
    } else {
        EVERY
    };
    let mut systems = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(here.join("systems"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let section = path.file_stem().unwrap().to_string_lossy().into_owned();
        systems.extend(read(&section, &fs::read_to_string(&path).unwrap()));
    }
    systems.retain(|system| !known.lines().any(|line| line == system.name));
    let trials = systems
        .into_iter()
        .step_by(every)
        .map(|system| {
            let base = base.clone();
            Trial::test(system.name.clone(), move || check(&system, &base))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Returns the `kcc.cue` that every system begins with, from the Go source.
fn base(source: &str) -> String {
    let (_, rest) = source.split_once("const base = `").unwrap();
    rest.split_once('`').unwrap().0.to_owned()
}

/// Parses a file of systems; `README.md` describes the format.
fn read(section: &str, text: &str) -> Vec<System> {
    let mut systems = Vec::new();
    for part in format!("\n{text}").split("\n== ").skip(1) {
        let (name, body) = part.split_once('\n').unwrap_or((part, ""));
        let (results, files): (Vec<&str>, Vec<&str>) =
            body.lines().partition(|line| line.starts_with("=> "));
        let archive = Archive::parse(&(files.join("\n") + "\n"));
        let mut system = System {
            name: format!("{section}/{name}"),
            files: archive.sections.into_iter().collect(),
            expected: String::new(),
        };
        if !archive.comment.trim().is_empty() {
            system.files.insert("web.cue".to_owned(), archive.comment);
        }
        // The last result is kcc's, if it differs from CUE's.
        for result in results {
            let result = result.trim_start_matches("=> ");
            let result = match result.strip_prefix("kcc ") {
                Some(differs) => differs.split_once(": ").unwrap().1,
                None => result,
            };
            result.clone_into(&mut system.expected);
        }
        systems.push(system);
    }
    systems
}

/// Returns whether a file is a fragment without a package clause.
fn lacks_clause(name: &str, text: &str) -> bool {
    let is_cue = Path::new(name).extension().is_some_and(|it| it == "cue");
    is_cue
        && !name.starts_with("cue.mod/")
        && !text.lines().any(|line| line.starts_with("package "))
}

/// Runs `kcc check` on a system and compares its output.
fn check(system: &System, base: &str) -> Result<(), Failed> {
    let folder = directory_with([
        ("kcc.cue", base),
        ("cue.mod/module.cue", "module: \"acme.com/s\"\n"),
    ]);
    for team in ["a", "b"] {
        fs::create_dir_all(folder.path().join("teams").join(team))?;
    }
    let mut shifted = BTreeSet::new();
    for (name, text) in &system.files {
        if lacks_clause(name, text) {
            shifted.insert(name.as_str());
            write(&folder.path().join(name), format!("{CLAUSE}{text}"));
        } else {
            write(&folder.path().join(name), text);
        }
    }
    let output = CommandOutput::of(kcc(folder.path()).args(["check", "--format", "json"]));
    let stdout = output.out;
    let refused = system.expected.strip_prefix("refused");
    if output.code != Some(i32::from(refused.is_some())) {
        return Err(format!(
            "exit code {:?}, expected {}\n{stdout}{}",
            output.code, system.expected, output.err
        )
        .into());
    }
    let lines: BTreeSet<&str> = refused.unwrap_or_default().split_whitespace().collect();
    let mut named = BTreeSet::new();
    for line in stdout.lines() {
        let error: serde_json::Value = serde_json::from_str(line).unwrap();
        if error["severity"] != "error" {
            continue;
        }
        let labels = error["labels"].as_array().unwrap();
        if labels.is_empty() {
            return Err(format!("an error has no line: {line}").into());
        }
        for label in labels {
            let file = label["file"].as_str().unwrap();
            let line = label["line"].as_u64().unwrap() - u64::from(shifted.contains(file));
            named.insert(format!("{file}:{line}"));
        }
    }
    if !lines.is_empty() && !lines.iter().any(|line| named.contains(*line)) {
        return Err(format!("at {named:?}, expected {lines:?}\n{stdout}").into());
    }
    Ok(())
}
