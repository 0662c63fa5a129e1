//! Checks that every definition and field of the schema has a comment. Editors show
//! these comments; that of a definition begins with its name.

use crate::{
    assert_none,
    source::{Source, sources},
};

/// Returns the definitions without a comment that begins with their name.
fn undescribed(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut comment: Option<&str> = None;
    for line in source.text.lines() {
        if let Some(text) = line.strip_prefix("//") {
            // Only the first line of a comment has the name.
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

/// Returns the fields of definitions without a comment above them.
fn undescribed_fields(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut described = false;
    let mut inside = false;
    for line in source.text.lines() {
        inside = match line {
            _ if line.starts_with('#') && line.ends_with('{') => true,
            _ if line.starts_with('}') => false,
            _ => inside,
        };
        // Only fields of the definition itself are indented by one tab.
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
fn every_definition_has_a_comment() {
    let schema = schema();
    let definitions = schema
        .iter()
        .flat_map(|file| file.text.lines())
        .filter(|line| line.starts_with('#'));
    assert!(definitions.count() > 10, "the schema has moved");
    assert_none(&schema.iter().flat_map(undescribed).collect::<Vec<_>>());
}

#[test]
fn every_field_has_a_comment() {
    assert_none(
        &schema()
            .iter()
            .flat_map(undescribed_fields)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn finds_missing_comments() {
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
    assert_eq!(
        undescribed_fields(&source),
        ["x.cue: `silent?` has no comment"]
    );
}
