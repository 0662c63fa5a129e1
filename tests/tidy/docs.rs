//! Checks that everything the documents and CI scripts refer to exists: recipes,
//! tests, aliases and paths.

use std::{collections::BTreeSet, path::Path};

use crate::{
    assert_none,
    source::{FOLDERS, Source, read, root},
};

/// The documents and scripts to check.
const PROSE: [&str; 11] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/dev/all-clear.md",
    "docs/dev/decisions.md",
    "docs/dev/evaluation.md",
    "docs/dev/facts.md",
    "docs/dev/glossary.md",
    "docs/dev/runtime.md",
    "justfile",
    ".ci/run",
];

/// Returns the recipes of a justfile.
fn recipes(justfile: &str) -> BTreeSet<&str> {
    justfile
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.contains(":="))
        .filter_map(|line| line.split_once(':')?.0.split_whitespace().next())
        .collect()
}

/// Returns the names of the targets in a manifest's section, such as `test`.
fn targets<'a>(manifest: &'a str, section: &str) -> BTreeSet<&'a str> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == format!("[[{section}]]");
        }
        if let Some(name) = line.strip_prefix("name = ").filter(|_| inside) {
            found.insert(name.trim_matches('"'));
        }
    }
    found
}

/// Returns the word after each occurrence of a command.
fn after<'a>(text: &'a str, command: &str) -> Vec<&'a str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(command)
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| word(c) || c == '/'))
        .filter_map(|(at, _)| text[at + command.len()..].split(|c: char| !word(c)).next())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Returns the words in backticks that are paths of the project, without placeholders.
fn paths(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            FOLDERS
                .iter()
                .any(|folder| word.starts_with(&format!("{folder}/")))
        })
        .filter(|word| !word.contains(['<', '*', ' ', '{', '…']))
        .collect()
}

/// Returns the relative targets of links.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .collect()
}

struct Known<'a> {
    recipes: BTreeSet<&'a str>,
    tests: BTreeSet<&'a str>,
    benches: BTreeSet<&'a str>,
}

fn missing(source: &Source, known: &Known<'_>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let text = &source.text;
    let mut complaints = Vec::new();
    let mut need = |what: &str, name: &str, exists: bool| {
        if !exists {
            complaints.push(format!(
                "{} refers to the {what} `{name}`, which does not exist",
                source.name
            ));
        }
    };
    // Commands are in backticks in prose and at the start of a line in scripts.
    for command in ["`just ", "\njust ", "\n    just "] {
        for name in after(text, command) {
            need("recipe", name, known.recipes.contains(name));
        }
    }
    for name in after(text, "--test ") {
        need("test", name, known.tests.contains(name));
    }
    for name in after(text, "--bench ") {
        need("benchmark", name, known.benches.contains(name));
    }
    if source.extension() == "md" {
        for path in paths(text) {
            need("path", path, exists(path));
        }
        // A link is relative to the document.
        let folder = Path::new(&source.name).parent().unwrap_or(Path::new(""));
        for link in links(text) {
            let file = link.split('#').next().unwrap_or(link);
            let path = folder.join(file);
            need("path", link, path.to_str().is_some_and(&exists));
        }
    }
    complaints
}

#[test]
fn references_in_documents_exist() {
    let (justfile, manifest) = (read("justfile"), read("Cargo.toml"));
    let known = Known {
        recipes: recipes(&justfile.text),
        tests: targets(&manifest.text, "test"),
        benches: targets(&manifest.text, "bench"),
    };
    let exists = |path: &str| root().join(path).exists();
    let complaints: Vec<_> = PROSE
        .iter()
        .flat_map(|name| missing(&read(name), &known, exists))
        .collect();
    assert_none(&complaints);
}

#[test]
fn the_documented_commands_exist() {
    let readme = read("README.md").text;
    for command in ["cargo demo", "cargo test"] {
        assert!(
            readme.contains(command),
            "README.md does not mention `{command}`"
        );
    }
    let alias = read(".cargo/config.toml").text;
    let demo = read("examples/demo/Cargo.toml").text;
    assert!(
        alias.contains("--package kcc-demo") && demo.contains("name = \"kcc-demo\""),
        "`cargo demo` has no alias or package"
    );
    let recipes = read("justfile").text;
    let required = [
        "ci",
        "fmt",
        "lint",
        "test",
        "demo",
        "e2e-docker",
        "e2e-kube",
        "bench",
    ];
    let existing = self::recipes(&recipes);
    for recipe in required {
        assert!(
            existing.contains(recipe),
            "the justfile has no recipe `{recipe}`"
        );
    }
}

#[test]
fn every_target_of_the_manifest_exists() {
    let manifest = read("Cargo.toml").text;
    for line in manifest.lines() {
        if let Some(path) = line.strip_prefix("path = ") {
            let path = path.trim_matches('"');
            assert!(
                Path::new(root()).join(path).is_file(),
                "Cargo.toml refers to `{path}`"
            );
        }
    }
}

#[test]
fn finds_missing_references() {
    let justfile =
        "cache := \"x\"\n\n# Text: with a colon.\nci: lint\n\nlint what=\"all\":\n    cargo x\n";
    let manifest = "[[test]]\nname = \"ui\"\npath = \"x\"\n\n[[bench]]\nname = \"versus\"\n";
    let known = Known {
        recipes: recipes(justfile),
        tests: targets(manifest, "test"),
        benches: targets(manifest, "bench"),
    };
    assert_eq!(known.recipes, BTreeSet::from(["ci", "lint"]));
    let text = "`just ci` `just gone` `cargo test --test ui` --test e2e --bench none `tests/ui/<x>/*.txtar` \
                `tests/gone` [a](gone.md) [b](https://x.example) it is just right";
    let source = Source {
        name: "README.md".to_owned(),
        text: text.to_owned(),
    };
    let found = missing(&source, &known, |_| false);
    let names: Vec<_> = found
        .iter()
        .filter_map(|one| one.split('`').nth(1))
        .collect();
    assert_eq!(names, ["gone", "e2e", "none", "tests/gone", "gone.md"]);
}
