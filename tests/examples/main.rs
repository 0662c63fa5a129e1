//! Every example is checked and rendered by the real binary, and what is
//! rendered stands beside it in `expected/<target>`. `KCC_UPDATE=1` writes that.
//!
//! An example is rendered in a copy, at the place where its expectations are:
//! what a rendered file says of the folders around it is then the same on every
//! machine.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod sources;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The examples, each with its targets.
const EXAMPLES: [(&str, &[&str]); 5] = [
    ("boutique", &["dev", "stage", "prod"]),
    ("hello", &["dev", "test", "stage", "prod"]),
    ("platform", &["dev", "prod"]),
    ("shop", &["dev", "test", "stage", "prod"]),
    ("voting", &["dev", "test", "stage", "prod"]),
];

/// What is in an example's folder beside its fragments.
const EXPECTED: &str = "expected";
/// What an example's own script builds: the tag of an image follows it, and it
/// is another on every machine.
const BUILT: &str = "app/shop";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// An example in a scratch folder.
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

    /// Runs kcc in the copy, with an empty environment.
    fn kcc(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcc"));
        command
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("HOME", self.scratch.path());
        command.output().unwrap()
    }

    /// Runs what has to go well and in silence; gives its stdout. That compose
    /// makes no check over the network is no fault of an example.
    fn silent(&self, args: &[&str]) -> String {
        let output = self.kcc(args);
        let err = String::from_utf8_lossy(&output.stderr);
        let err: String = err
            .lines()
            .filter(|line| !line.starts_with("compose makes no check over"))
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
        self.silent(&["--quiet", "render", "--target", target, "--output", &folder]);
        files(&self.root().join(folder))
    }
}

/// The files below a folder by name, with `/`; nothing where there is none.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(next) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                let name = name.iter().map(|part| part.to_str().unwrap());
                let name = name.collect::<Vec<_>>().join("/");
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn update(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// What differs between two folders, one file a line.
fn differences(
    expected: &BTreeMap<String, Vec<u8>>,
    actual: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, content) in actual {
        match expected.get(name) {
            None => found.push(format!("{name} is new")),
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
                let line = |text: &str| text.lines().nth(at).unwrap_or("the end").to_owned();
                found.push(format!(
                    "{name}:{}: expected `{}`, found `{}`",
                    at + 1,
                    line(&old),
                    line(&new)
                ));
            }
            Some(_) => {}
        }
    }
    let gone = expected.keys().filter(|name| !actual.contains_key(*name));
    found.extend(gone.map(|name| format!("{name} is gone")));
    found
}

#[test]
fn every_example_is_here() {
    let mut there: Vec<String> = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    there.sort();
    let known: Vec<_> = EXAMPLES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(there, known);
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
fn examples_are_without_a_mistake() {
    for (name, _) in EXAMPLES {
        assert_eq!(Copy::of(name).silent(&["--quiet", "check"]), "", "{name}");
    }
}

#[test]
fn examples_are_rendered_as_expected() {
    for (name, targets) in EXAMPLES {
        let copy = Copy::of(name);
        for target in targets {
            let folder = examples().join(name).join(EXPECTED).join(target);
            let actual = copy.render(target);
            if std::env::var_os("KCC_UPDATE").is_some() {
                update(&folder, &actual);
            }
            let found = differences(&files(&folder), &actual);
            assert!(
                found.is_empty(),
                "{}\nKCC_UPDATE=1 writes what is rendered:\n{}",
                folder.display(),
                found.join("\n")
            );
        }
    }
}

#[test]
fn rendering_again_elsewhere_gives_the_same_bytes() {
    for (name, targets) in EXAMPLES {
        let (one, other) = (Copy::of(name), Copy::of(name));
        for target in targets {
            assert_eq!(one.render(target), other.render(target), "{name} {target}");
            let stream = |copy: &Copy| copy.silent(&["render", "--target", target]);
            assert_eq!(stream(&one), stream(&other), "{name} {target}");
        }
    }
}

#[test]
fn a_difference_is_named_with_its_line() {
    let folder = |files: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
        files.iter().map(owned).collect()
    };
    let expected = folder(&[("a", "1\n2\n"), ("b", ""), ("same", "x")]);
    let actual = folder(&[("a", "1\n3\n"), ("c", ""), ("same", "x")]);
    assert_eq!(
        differences(&expected, &actual),
        ["a:2: expected `2`, found `3`", "c is new", "b is gone"]
    );
}
