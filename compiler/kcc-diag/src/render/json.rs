//! The `json` format: one JSON object per diagnostic, one per line.
//!
//! The shape is a public interface: keys are never omitted (unknown values are
//! `null`), and a breaking change increments `version`.

use serde::Serialize;

use super::location::locations;
use super::plain::escaped;
use crate::{Diagnostic, Diagnostics, Files};

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    path: Option<String>,
    targets: Vec<&'a str>,
    labels: Vec<JsonLabel<'a>>,
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
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
    let labels = locations(diagnostic, files)
        .map(|location| JsonLabel {
            file: location.file,
            line: location.start.line,
            column: location.start.column,
            end_line: location.end.line,
            end_column: location.end.column,
            team: location.team,
            primary: location.label.primary,
            text: &location.label.text,
        })
        .collect();
    let line = Line {
        version: 1,
        code: diagnostic.code.as_str(),
        severity: diagnostic.severity.as_str(),
        message: &diagnostic.message,
        path: diagnostic.subject.shown(),
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
    fn every_object_has_exactly_the_keys_of_the_interface() {
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
    fn columns_count_characters_and_ends_are_exclusive() {
        let mut files = Files::new();
        let file = files.add("a.cue", "a: \"é𝄞\"\nb: {\n}\n");
        let diagnostic = Diagnostic::error(Code::EvalConflict, "no")
            .primary(sample::span(&files, file, "\"é𝄞\""), "")
            .secondary(sample::span(&files, file, "{\n}"), "");
        let line: serde_json::Value =
            serde_json::from_str(&render(&diagnostic.into(), &files)).unwrap();
        let region = |at: usize| {
            let label = &line["labels"][at];
            ["line", "column", "end_line", "end_column"].map(|key| label[key].as_u64().unwrap())
        };
        assert_eq!(region(0), [1, 4, 1, 8]);
        assert_eq!(region(1), [2, 4, 3, 2]);
    }

    #[test]
    fn unknown_values_are_null_and_newlines_are_escaped() {
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
