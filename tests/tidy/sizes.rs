//! Files say what they are, and are named after it.

use crate::{
    none,
    source::{FOLDERS, Source, sources},
};

/// Words that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff",
];

fn headless(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.extension() == "rs" && !source.text.starts_with("//! "))
        .map(|source| format!("{} does not begin with what it is", source.name))
        .collect()
}

fn nameless(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| {
            source.name.split('/').any(|part| {
                let stem = part.split('.').next().unwrap_or_default();
                EMPTY_NAMES.contains(&stem)
            })
        })
        .map(|source| format!("{} has a name that says nothing", source.name))
        .collect()
}

#[test]
fn files_say_what_they_are() {
    none(&headless(&sources(&FOLDERS)));
}

#[test]
fn files_have_names() {
    none(&nameless(&sources(&FOLDERS)));
}

#[test]
fn headless_and_nameless_files_are_found() {
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
    assert_eq!(headless(&files).len(), 2);
    assert_eq!(
        nameless(&files),
        ["src/utils/f.cue has a name that says nothing"]
    );
}
