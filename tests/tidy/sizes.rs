//! Files are small, say what they are, and are named after it.

use crate::{
    none,
    source::{FOLDERS, Source, sources},
};

/// The most lines of a file that people write.
const MOST_LINES: usize = 450;

/// Files that are longer, how long they may be, and why.
const LONGER: [(&str, usize, &str); 4] = [
    (
        "runtime/kcc-docker/src/reconcile/mod.rs",
        550,
        "every decision about a Docker engine, to be read in one piece",
    ),
    (
        "runtime/kcc-docker/src/reconcile/tests.rs",
        700,
        "one plan a decision, side by side",
    ),
    (
        "runtime/kcc-kube/src/reconcile/tests.rs",
        550,
        "one plan a decision, side by side",
    ),
    (
        "runtime/kcc-plan/src/execute.rs",
        480,
        "the only loop that performs operations",
    ),
];

/// Kinds of files that people write.
const WRITTEN: [&str; 4] = ["rs", "go", "cue", ""];

/// Words that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff",
];

fn long(sources: &[Source], longer: &[(&str, usize, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources
        .iter()
        .filter(|source| WRITTEN.contains(&source.extension()))
    {
        let lines = source.text.lines().count();
        let exception = longer.iter().find(|(name, ..)| *name == source.name);
        let most = exception.map_or(MOST_LINES, |(_, most, _)| *most);
        if lines > most {
            complaints.push(format!(
                "{} has {lines} lines, more than {most}",
                source.name
            ));
        }
        if exception.is_some() && lines <= MOST_LINES {
            complaints.push(format!("{} is no exception any more", source.name));
        }
    }
    for (name, ..) in longer {
        if !sources.iter().any(|source| source.name == *name) {
            complaints.push(format!("{name}, an exception, is gone"));
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
    none(&long(&sources(&FOLDERS), &LONGER));
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
    let longer = [
        ("c.go", 500, "why"),
        ("d.go", 500, "why"),
        ("gone.rs", 500, "why"),
    ];
    assert_eq!(
        long(&files, &longer),
        [
            "a.rs has 451 lines, more than 450",
            "d.go is no exception any more",
            "gone.rs, an exception, is gone",
        ]
    );
    assert_eq!(headless(&files).len(), 2);
    assert_eq!(
        nameless(&files),
        ["src/utils/f.cue has a name that says nothing"]
    );
}
