//! Checks and renders every example with the real binary, and compares the result
//! with its `expected/<target>`, which `KCC_UPDATE=1` updates.
//!
//! Each example is rendered in a copy, into the directory of its expectations, so
//! that relative paths in rendered files are the same on every machine.

#![allow(clippy::unwrap_used, reason = "tests panic on failure")]

mod copies;
mod records;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
};

use kcc_test_support::{
    CommandOutput, FilesOfFolder, directory_with, files_below, golden, kcc, root,
};

/// The examples with their targets.
const EXAMPLES: [(&str, &[&str]); 8] = [
    ("boutique", &["dev", "stage", "prod"]),
    ("hello", &["dev", "test", "stage", "prod"]),
    ("immich", &["dev", "prod"]),
    ("jitsi", &["dev", "prod"]),
    ("mastodon", &["dev", "prod"]),
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
    root().join("examples")
}

/// A copy of an example in a temporary directory.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(example: &str) -> Self {
        let mut files = files_below(&examples().join(example));
        files.retain(|name, _| !name.starts_with(&format!("{EXPECTED}/")) && name != BUILT);
        Self(directory_with(files))
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    /// Runs a command that must succeed without a message, and returns its stdout.
    /// Ignores the note on compose's lack of network checks, which is not a defect of
    /// an example.
    fn run_silent(&self, args: &[&str]) -> String {
        let output = CommandOutput::of(kcc(self.root()).args(args));
        let lines = output.err.lines();
        let err: String = lines
            .filter(|line| !line.starts_with("compose cannot run HTTP or TCP"))
            .collect();
        assert!(
            output.code == Some(0) && err.is_empty(),
            "{args:?} {:?}:\n{err}",
            output.code
        );
        output.out
    }

    fn render(&self, target: &str) -> FilesOfFolder {
        let folder = format!("{EXPECTED}/{target}");
        self.run_silent(&["--quiet", "render", "--target", target, "--output", &folder]);
        files_below(&self.root().join(folder))
    }
}

#[test]
fn every_example_is_listed() {
    let mut existing: Vec<String> = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("kcc.cue").is_file())
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
            golden::check_folder(&folder, &copy.render(target))
                .unwrap_or_else(|differences| panic!("{differences}"));
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
