//! One JSON object for each diagnostic, each on its own line.
//!
//! The shape is an interface: a key is never left out (what is not known is
//! `null`), and a change that breaks readers raises `version`.

use serde::Serialize;

use super::place::places;
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
    serde_json::to_string(&line).expect("text, numbers and lists have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

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
    fn what_is_not_known_is_null_and_line_ends_are_escaped() {
        let diagnostic = Diagnostic::warning(crate::Code::LoadNoSystem, "two\nlines");
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
