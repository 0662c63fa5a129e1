//! Files are small, say what they are, and are named after it.

use crate::{
    none,
    source::{FOLDERS, Source, sources},
};

/// The most lines of a file that people write.
const MOST_LINES: usize = 450;

/// Kinds of files that people write.
const WRITTEN: [&str; 4] = ["rs", "go", "cue", ""];

/// Words that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff",
];

fn long(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        if WRITTEN.contains(&source.extension()) && lines > MOST_LINES {
            complaints.push(format!(
                "{} has {lines} lines, more than {MOST_LINES}",
                source.name
            ));
        }
    }
    complaints
}

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
fn files_are_small() {
    none(&long(&sources(&FOLDERS)));
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
fn long_headless_and_nameless_files_are_found() {
    let source = |name: &str, lines: usize| Source {
        name: name.to_owned(),
        text: "x\n".repeat(lines),
    };
    let files = [
        source("a.rs", 451),
        source("b.rs", 450),
        source("c.go", 500),
        source("d.go", 300),
        source("e.lock", 900),
        source("src/utils/f.cue", 1),
    ];
    assert_eq!(
        long(&files),
        [
            "a.rs has 451 lines, more than 450",
            "c.go has 500 lines, more than 450",
        ]
    );
    assert_eq!(headless(&files).len(), 2);
    assert_eq!(
        nameless(&files),
        ["src/utils/f.cue has a name that says nothing"]
    );
}
