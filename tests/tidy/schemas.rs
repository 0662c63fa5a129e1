//! Every definition of the schema is described: its comment is what editors
//! show, and begins with its name.

use crate::{
    none,
    source::{Source, sources},
};

/// The definitions of a file that nobody describes, and files without any comment.
fn undescribed(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut comment: Option<&str> = None;
    for line in source.text.lines() {
        if let Some(text) = line.strip_prefix("//") {
            // The first line of a comment is the one that names.
            comment = comment.or(Some(text.trim()));
            continue;
        }
        let definition = line.strip_prefix('#').and_then(|rest| rest.split_once(':'));
        if let Some((name, _)) = definition {
            let described = comment.is_some_and(|text| {
                text.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(' '))
                    && text.len() > name.len() + 10
            });
            if !described {
                complaints.push(format!(
                    "{}: `#{name}` has no comment that begins with `{name}`",
                    source.name
                ));
            }
        }
        comment = None;
    }
    complaints
}

/// Fields of definitions without a comment above them.
fn silent_fields(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut described = false;
    let mut inside = false;
    for line in source.text.lines() {
        inside = match line {
            _ if line.starts_with('#') && line.ends_with('{') => true,
            _ if line.starts_with('}') => false,
            _ => inside,
        };
        // Fields of a definition itself stand one step in.
        let field = line
            .strip_prefix('\t')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        if let Some((name, _)) = field.and_then(|rest| rest.split_once(':'))
            && inside
            && !described
        {
            complaints.push(format!("{}: `{name}` has no comment", source.name));
        }
        described = line.trim_start().starts_with("//");
    }
    complaints
}

fn schema() -> Vec<Source> {
    let all = sources(&["schemas"]);
    all.into_iter()
        .filter(|source| source.extension() == "cue")
        .collect()
}

#[test]
fn every_definition_is_described() {
    let schema = schema();
    let definitions = schema
        .iter()
        .flat_map(|file| file.text.lines())
        .filter(|line| line.starts_with('#'));
    assert!(definitions.count() > 10, "the schema is not where it was");
    none(&schema.iter().flat_map(undescribed).collect::<Vec<_>>());
}

#[test]
fn every_field_is_described() {
    none(&schema().iter().flat_map(silent_fields).collect::<Vec<_>>());
}

#[test]
fn silence_is_found() {
    let source = Source {
        name: "x.cue".to_owned(),
        text: "package kcc\n\n// A is what a thing is.\n// It has two lines.\n#A: {\n\t// Said.\n\tsaid?: int\n\tsilent?: int\n}\n\n// Other words that are long enough.\n#B: int\n#C: {\n}\n".to_owned(),
    };
    assert_eq!(
        undescribed(&source),
        [
            "x.cue: `#B` has no comment that begins with `B`",
            "x.cue: `#C` has no comment that begins with `C`"
        ]
    );
    assert_eq!(silent_fields(&source), ["x.cue: `silent?` has no comment"]);
}
