//! Checks and renders every example with the real binary, and compares the result
//! with its `expected/<target>`, which `KCC_UPDATE=1` updates.
//!
//! Each example is rendered in a copy, into the directory of its expectations, so
//! that relative paths in rendered files are the same on every machine.

#![allow(clippy::unwrap_used, reason = "tests panic on failure")]

mod sources;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The examples with their targets.
const EXAMPLES: [(&str, &[&str]); 5] = [
    ("boutique", &["dev", "stage", "prod"]),
    ("hello", &["dev", "test", "stage", "prod"]),
    ("platform", &["dev", "prod"]),
    ("shop", &["dev", "test", "stage", "prod"]),
    ("voting", &["dev", "test", "stage", "prod"]),
];

/// The directory of expectations in an example.
const EXPECTED: &str = "expected";
/// The program that the shop's script builds. It differs between machines and takes
/// part in an image's tag, so it is not copied.
const BUILT: &str = "app/shop";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// A copy of an example in a scratch directory.
struct Copy {
    scratch: tempfile::TempDir,
}

impl Copy {
    fn of(example: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let copy = Self { scratch };
        for (name, content) in files(&examples().join(example)) {
            if !name.starts_with(&format!("{EXPECTED}/")) && name != BUILT {
                let path = copy.root().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
        copy
    }

    fn root(&self) -> PathBuf {
        self.scratch.path().join("system")
    }

    /// Runs kcc in the copy with an empty environment.
    fn kcc(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcc"));
        command
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("HOME", self.scratch.path());
        command.output().unwrap()
    }

    /// Runs a command that must succeed without a message, and returns its stdout.
    /// Ignores the note on compose's lack of network checks, which is not a defect of
    /// an example.
    fn run_silent(&self, args: &[&str]) -> String {
        let output = self.kcc(args);
        let err = String::from_utf8_lossy(&output.stderr);
        let err: String = err
            .lines()
            .filter(|line| !line.starts_with("compose cannot run HTTP or TCP"))
            .collect();
        assert!(
            output.status.success() && err.is_empty(),
            "{args:?} {}:\n{err}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn render(&self, target: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = format!("{EXPECTED}/{target}");
        self.run_silent(&["--quiet", "render", "--target", target, "--output", &folder]);
        files(&self.root().join(folder))
    }
}

/// Returns the files below a directory by relative path; empty if it does not exist.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        let Ok(entries) = fs::read_dir(next) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                let name = name.iter().map(|part| part.to_str().unwrap());
                let name = name.collect::<Vec<_>>().join("/");
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn update(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Describes the differences between two directories, one line per file.
fn differences(
    expected: &BTreeMap<String, Vec<u8>>,
    actual: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, content) in actual {
        match expected.get(name) {
            None => differences.push(format!("{name} is new")),
            Some(old) if old != content => {
                let (old, new) = (
                    String::from_utf8_lossy(old),
                    String::from_utf8_lossy(content),
                );
                let at = old
                    .lines()
                    .zip(new.lines())
                    .take_while(|(a, b)| a == b)
                    .count();
                let line = |text: &str| text.lines().nth(at).unwrap_or("end of file").to_owned();
                differences.push(format!(
                    "{name}:{}: expected `{}`, found `{}`",
                    at + 1,
                    line(&old),
                    line(&new)
                ));
            }
            Some(_) => {}
        }
    }
    let missing = expected.keys().filter(|name| !actual.contains_key(*name));
    differences.extend(missing.map(|name| format!("{name} is missing")));
    differences
}

#[test]
fn every_example_is_listed() {
    let mut existing: Vec<String> = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    existing.sort();
    let known: Vec<_> = EXAMPLES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(existing, known);
    for (name, targets) in EXAMPLES {
        let folder = examples().join(name);
        assert!(
            folder.join("README.md").is_file(),
            "{name} has no README.md"
        );
        let mut rendered: Vec<_> = fs::read_dir(folder.join(EXPECTED))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        rendered.sort();
        let mut targets = targets.to_vec();
        targets.sort_unstable();
        assert_eq!(rendered, targets, "{name}/{EXPECTED}");
    }
}

#[test]
fn examples_have_no_diagnostics() {
    for (name, _) in EXAMPLES {
        assert_eq!(
            Copy::of(name).run_silent(&["--quiet", "check"]),
            "",
            "{name}"
        );
    }
}

#[test]
fn examples_render_as_expected() {
    for (name, targets) in EXAMPLES {
        let copy = Copy::of(name);
        for target in targets {
            let folder = examples().join(name).join(EXPECTED).join(target);
            let actual = copy.render(target);
            if std::env::var_os("KCC_UPDATE").is_some() {
                update(&folder, &actual);
            }
            let changed = differences(&files(&folder), &actual);
            assert!(
                changed.is_empty(),
                "{}: KCC_UPDATE=1 updates it\n{}",
                folder.display(),
                changed.join("\n")
            );
        }
    }
}

#[test]
fn rendering_is_independent_of_the_directory() {
    for (name, targets) in EXAMPLES {
        let (one, other) = (Copy::of(name), Copy::of(name));
        for target in targets {
            assert_eq!(one.render(target), other.render(target), "{name} {target}");
            let stream = |copy: &Copy| copy.run_silent(&["render", "--target", target]);
            assert_eq!(stream(&one), stream(&other), "{name} {target}");
        }
    }
}

#[test]
fn describes_a_difference_with_its_line() {
    let folder = |files: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
        files.iter().map(owned).collect()
    };
    let expected = folder(&[("a", "1\n2\n"), ("b", ""), ("same", "x")]);
    let actual = folder(&[("a", "1\n3\n"), ("c", ""), ("same", "x")]);
    assert_eq!(
        differences(&expected, &actual),
        ["a:2: expected `2`, found `3`", "c is new", "b is missing"]
    );
}
