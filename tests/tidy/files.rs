//! Checks that Rust files begin with a module head and that no file has a name
//! without meaning.

use crate::{
    assert_none,
    source::{FOLDERS, Source, sources},
};

/// File names that do not tell what a file contains.
const MEANINGLESS_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff",
];

fn without_head(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.extension() == "rs" && !source.text.starts_with("//! "))
        .map(|source| format!("{} does not begin with a `//!` head", source.name))
        .collect()
}

fn badly_named(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| {
            source.name.split('/').any(|part| {
                let stem = part.split('.').next().unwrap_or_default();
                MEANINGLESS_NAMES.contains(&stem)
            })
        })
        .map(|source| format!("{} has a meaningless name", source.name))
        .collect()
}

#[test]
fn every_rust_file_has_a_module_head() {
    assert_none(&without_head(&sources(&FOLDERS)));
}

#[test]
fn no_file_has_a_meaningless_name() {
    assert_none(&badly_named(&sources(&FOLDERS)));
}

#[test]
fn finds_files_without_head_or_meaningful_name() {
    let source = |name: &str| Source {
        name: name.to_owned(),
        text: "x\n".to_owned(),
    };
    let files = [
        source("a.rs"),
        source("b.rs"),
        source("c.go"),
        source("src/utils/f.cue"),
    ];
    assert_eq!(without_head(&files).len(), 2);
    assert_eq!(
        badly_named(&files),
        ["src/utils/f.cue has a meaningless name"]
    );
}
