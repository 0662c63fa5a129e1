//! Checks that Rust files begin with a module head, that no file has a name without
//! meaning, and that a module is where its name says.

use crate::{
    assert_none,
    source::{FOLDERS, Source, sources},
};

/// File names that do not tell what a file contains.
const MEANINGLESS_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff",
];

/// The files that may include a module from elsewhere, with the reason.
const INCLUDING: [(&str, &str); 1] = [(
    "compiler/kcc-cue/builder/src/main.rs",
    "a workspace of its own, which sets the evaluator up exactly as the host does",
)];

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

/// Lists the files that include a module by its path: what crates share is a crate.
fn including(sources: &[Source]) -> Vec<String> {
    let attribute = concat!("#[", "path");
    sources
        .iter()
        .filter(|source| source.extension() == "rs" && source.text.contains(attribute))
        .filter(|source| INCLUDING.iter().all(|(name, _)| *name != source.name))
        .map(|source| format!("{} includes a module by its path", source.name))
        .collect()
}

#[test]
fn no_module_is_included_by_its_path() {
    let all = sources(&FOLDERS);
    assert_none(&including(&all));
    for (name, _) in INCLUDING {
        let attribute = concat!("#[", "path");
        let needed = all
            .iter()
            .any(|source| source.name == name && source.text.contains(attribute));
        assert!(needed, "{name} no longer needs its exception");
    }
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
fn finds_files_without_head_or_meaningful_name_or_with_an_include() {
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
    let include = Source {
        name: "d.rs".to_owned(),
        text: concat!("//! D.\n#[", "path = \"../e.rs\"]\nmod e;\n").to_owned(),
    };
    assert_eq!(
        including(&[include]),
        ["d.rs includes a module by its path"]
    );
}
