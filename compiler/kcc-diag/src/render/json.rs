//! One JSON object for each diagnostic, each on its own line.
//!
//! The shape is an interface: a key is never left out (what is not known is
//! `null`), and a change that breaks readers raises `version`.

use serde::Serialize;

use super::place::places;
use super::plain::escaped;
use crate::{Diagnostic, Diagnostics, Files};

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    path: Option<&'a str>,
    targets: Vec<&'a str>,
    labels: Vec<Marked<'a>>,
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct Marked<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    team: Option<&'a str>,
    primary: bool,
    text: &'a str,
}

pub(super) fn render(diagnostics: &Diagnostics, files: &Files) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| line(diagnostic, files) + "\n")
        .collect()
}

fn line(diagnostic: &Diagnostic, files: &Files) -> String {
    let labels = places(diagnostic, files)
        .map(|place| Marked {
            file: place.file,
            line: place.start.line,
            column: place.start.column,
            end_line: place.end.line,
            end_column: place.end.column,
            team: place.team,
            primary: place.label.primary,
            text: &place.label.text,
        })
        .collect();
    let line = Line {
        version: 1,
        code: diagnostic.code.as_str(),
        severity: diagnostic.severity.as_str(),
        message: &diagnostic.message,
        path: diagnostic.path.as_deref(),
        targets: diagnostic.targets.iter().map(String::as_str).collect(),
        labels,
        help: diagnostic.help.as_deref(),
    };
    escaped(serde_json::to_string(&line).expect("text, numbers and lists have a JSON form"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::sample;
    use super::*;
    use crate::Code;

    #[test]
    fn a_diagnostic_is_one_object_on_one_line() {
        let (files, diagnostics) = sample::conflict();
        assert_eq!(
            render(&diagnostics, &files),
            concat!(
                r#"{"version":1,"code":"kcc::eval::conflict","severity":"error","#,
                r#""message":"`replicas` of `web` cannot be 1","path":"services.web.replicas","#,
                r#""targets":["prod"],"labels":["#,
                r#"{"file":"teams/storefront/web.cue","line":4,"column":12,"end_line":4,"end_column":13,"#,
                r#""team":"storefront","primary":true,"text":"`storefront` says 1"},"#,
                r#"{"file":"teams/platform/rules.cue","line":2,"column":31,"end_line":2,"end_column":34,"#,
                r#""team":"platform","primary":false,"text":"`platform` allows 2 and more"}],"#,
                r#""help":"write `replicas: 2`, or ask `platform`"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_keys_are_those_of_the_interface_in_every_object() {
        let (files, diagnostics) = sample::hostile();
        let (_, conflict) = sample::conflict();
        for diagnostics in [
            diagnostics,
            conflict,
            Diagnostic::error(Code::StateStore, "x").into(),
        ] {
            for line in render(&diagnostics, &files).lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                let keys = |value: &serde_json::Value| -> BTreeSet<String> {
                    value.as_object().unwrap().keys().cloned().collect()
                };
                let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
                let all: BTreeSet<String> = set(&[
                    "version", "code", "severity", "message", "path", "targets", "labels", "help",
                ]);
                assert_eq!(keys(&value), all);
                let of_a_label: BTreeSet<String> = set(&[
                    "file",
                    "line",
                    "column",
                    "end_line",
                    "end_column",
                    "team",
                    "primary",
                    "text",
                ]);
                for label in value["labels"].as_array().unwrap() {
                    assert_eq!(keys(label), of_a_label);
                    let number = |key: &str| label[key].as_u64().unwrap();
                    assert!(number("line") >= 1 && number("column") >= 1);
                    let [start, end] = [["line", "column"], ["end_line", "end_column"]]
                        .map(|keys| keys.map(number));
                    assert!(start <= end, "{label}");
                }
            }
        }
    }

    #[test]
    fn columns_count_characters_and_ends_lie_behind_the_last_one() {
        let mut files = Files::new();
        let file = files.add("a.cue", "a: \"é𝄞\"\nb: {\n}\n");
        let diagnostic = Diagnostic::error(Code::EvalConflict, "no")
            .primary(sample::span(&files, file, "\"é𝄞\""), "")
            .secondary(sample::span(&files, file, "{\n}"), "");
        let line: serde_json::Value =
            serde_json::from_str(&render(&diagnostic.into(), &files)).unwrap();
        let place = |at: usize| {
            let label = &line["labels"][at];
            ["line", "column", "end_line", "end_column"].map(|key| label[key].as_u64().unwrap())
        };
        assert_eq!(place(0), [1, 4, 1, 8]);
        assert_eq!(place(1), [2, 4, 3, 2]);
    }

    #[test]
    fn what_is_not_known_is_null_and_line_ends_are_escaped() {
        let diagnostic = Diagnostic::warning(Code::LoadNoSystem, "two\nlines");
        assert_eq!(
            render(&diagnostic.into(), &Files::new()),
            concat!(
                r#"{"version":1,"code":"kcc::load::no-system","severity":"warning","#,
                r#""message":"two\nlines","path":null,"targets":[],"labels":[],"help":null}"#,
                "\n"
            )
        );
    }
}
