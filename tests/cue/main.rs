//! Checks that the plain `cue` tool accepts and formats every fragment in examples
//! and documents, so that editors and formatters work on them.
//!
//! The tool is built from the CUE version that kcc embeds (`tests/bench/cue`). All
//! cases are ignored if Go is not installed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests panic on failure and report what they skip"
)]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::OnceLock,
};

use kcc_test_support::{Archive, CommandOutput, directory_with, documents, kcc, root, write};
use libtest_mimic::{Arguments, Failed, Trial};

/// The documents, and directories of documents, that contain fragments.
const DOCUMENTS: [&str; 3] = ["README.md", "docs", "compiler/kcc-diag/pages"];

/// The languages of blocks that contain valid fragments.
const LANGUAGES: [&str; 2] = ["cue", "cue right"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let has_go = Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_go {
        eprintln!("SKIPPED: Go is not installed, so the `cue` tool cannot be built");
    }
    let mut trials = Vec::new();
    for path in files(&root().join("examples"), "cue") {
        trials.push(trial(&path, |path| vec![fs::read_to_string(path).unwrap()]));
    }
    for document in DOCUMENTS {
        for path in files(&root().join(document), "md") {
            trials.push(trial(&path, |path| {
                files_in_blocks(&fs::read_to_string(path).unwrap())
            }));
        }
    }
    trials.push(Trial::test("imports", imports_resolve_as_in_cue));
    trials.push(Trial::test("editors", editors_know_the_fields));
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(!has_go))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(path: &Path, texts: fn(&Path) -> Vec<String>) -> Trial {
    let name = path.strip_prefix(root()).unwrap().display().to_string();
    let path = path.to_owned();
    Trial::test(name, move || {
        texts(&path).iter().try_for_each(|text| is_formatted(text))
    })
}

/// Returns the files with an extension below a directory, or the file itself.
fn files(path: &Path, extension: &str) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut paths = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            paths.extend(files(&entry, extension));
        } else if entry.extension().is_some_and(|other| other == extension) {
            paths.push(entry);
        }
    }
    paths
}

/// Returns the files in the blocks of a document.
fn files_in_blocks(text: &str) -> Vec<String> {
    LANGUAGES
        .iter()
        .flat_map(|language| documents::blocks(text, language))
        .flat_map(documents::files)
        .map(|file| file.text.trim())
        .filter(|text| !text.is_empty())
        .map(|text| format!("{text}\n"))
        .collect()
}

/// Checks that `cue fmt` leaves a text unchanged.
fn is_formatted(text: &str) -> Result<(), Failed> {
    let folder = directory_with([("fragment.cue", text)]);
    let output = cue(folder.path(), &["fmt", "--diff", "fragment.cue"]);
    if output.code == Some(0) && output.out.is_empty() {
        return Ok(());
    }
    Err(format!("`cue fmt` changes:\n{text}\n{}{}", output.out, output.err).into())
}

/// A system with its own and vendored packages.
const PACKAGES: &str = r#"
-- cue.mod/module.cue --
module: "acme.com/shop@v0"
language: version: "v0.15.0"
-- cue.mod/pkg/example.org/sizes/sizes.cue --
package sizes

small: "64Mi"
-- cue.mod/usr/example.org/sizes/more.cue --
package sizes

large: "1Gi"
-- kcc.cue --
package shop

system: {name: "shop", targets: dev: docker: {}}
-- libs/base.cue --
package web

_zone: "eu"
port: 8080
-- libs/web/web.cue --
package web

import "example.org/sizes"

#Web: {port: 8080, resources: memory: sizes.small, labels: zone: _zone, ...}
-- libs/web/other.cue --
package other

first: 9090
-- web.cue --
package shop

import (
	"acme.com/shop/libs/web"
	base "acme.com/shop/libs/web@v0"
	"acme.com/shop/libs/web:other"
	"example.org/sizes"
)

services: front: web.#Web & {image: "acme/web:1.4.2"}
services: cart: base.#Web & {image: "acme/cart:1.0.0"}
services: list: {image: "acme/list:1.0.0", port: other.first, resources: memory: sizes.large}
"#;

/// Checks that imported packages have the same values in kcc and in the `cue` tool.
fn imports_resolve_as_in_cue() -> Result<(), Failed> {
    let folder = directory_with(Archive::parse(PACKAGES).sections);
    let theirs = cue(folder.path(), &["export", "-e", "services", ".:shop"]);
    let ours = CommandOutput::of(kcc(folder.path()).args(["model", "--target", "dev"]));
    for output in [&theirs, &ours] {
        if output.code != Some(0) {
            return Err(output.err.clone().into());
        }
    }
    let theirs: serde_json::Value = serde_json::from_str(&theirs.out).unwrap();
    let ours = ours.out;
    for (service, port, label) in [
        ("front", 8080, Some("eu")),
        ("cart", 8080, Some("eu")),
        ("list", 9090, None),
    ] {
        assert_eq!(theirs[service]["port"], port, "{theirs}");
        assert!(ours.contains(&port.to_string()), "{ours}");
        if let Some(label) = label {
            assert_eq!(theirs[service]["labels"]["zone"], label, "{theirs}");
            assert!(ours.contains(label), "{ours}");
        }
    }
    Ok(())
}

/// Examples without what only kcc resolves, such as names of packages elsewhere.
const FOR_EDITORS: [&str; 3] = ["hello", "voting", "shop"];

/// Checks that after `kcc init --update` the `cue` tool accepts the fragments of every
/// directory, and finds a field that does not exist.
fn editors_know_the_fields() -> Result<(), Failed> {
    for example in FOR_EDITORS {
        let folder = tempfile::tempdir()?;
        let from = root().join("examples").join(example);
        let mut directories = BTreeSet::from([PathBuf::new()]);
        for path in files(&from, "cue") {
            let name = path.strip_prefix(&from).unwrap();
            if name.starts_with("mistakes") {
                continue;
            }
            write(&folder.path().join(name), fs::read(&path).unwrap());
            directories.insert(name.parent().unwrap().to_owned());
        }
        let update = CommandOutput::of(kcc(folder.path()).args(["init", "--update"]));
        if update.code != Some(0) {
            return Err(update.err.into());
        }
        for directory in directories {
            let directory = folder.path().join(directory);
            let output = cue(&directory, &["vet", "-c=false", "."]);
            if output.code != Some(0) {
                return Err(format!("{}: {}", directory.display(), output.err).into());
            }
            let package = fs::read_to_string(folder.path().join("kcc.cue")).unwrap();
            let package = package.lines().find(|line| line.starts_with("package"));
            let wrong = format!("{}\n\nservices: odd: imge: \"x\"\n", package.unwrap());
            write(&directory.join("odd.cue"), wrong);
            let output = cue(&directory, &["vet", "-c=false", "."]);
            if output.code == Some(0)
                || !output.err.contains("services.odd.imge: field not allowed")
            {
                return Err(format!("a wrong field is accepted: {}", output.err).into());
            }
            fs::remove_file(directory.join("odd.cue")).unwrap();
        }
    }
    Ok(())
}

/// Runs the `cue` tool without a registry.
fn cue(folder: &Path, args: &[&str]) -> CommandOutput {
    static CUE: OnceLock<PathBuf> = OnceLock::new();
    let cue = CUE.get_or_init(build_cue);
    CommandOutput::of(
        Command::new(cue)
            .args(args)
            .current_dir(folder)
            .env("CUE_REGISTRY", "none"),
    )
}

fn build_cue() -> PathBuf {
    let out = env::temp_dir().join("kcc-cue").join("cue");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&out)
        .arg("cuelang.org/go/cmd/cue")
        .current_dir(root().join("tests/bench/cue"))
        .status()
        .unwrap();
    assert!(status.success(), "the cue tool does not build");
    out
}
