//! The `github` format: one workflow command per diagnostic, which GitHub shows as
//! an annotation of its primary line, with the other locations and the help in its
//! text.

use std::fmt::Write;

use super::{Style, location::locations, plain};
use crate::{Diagnostic, Diagnostics, Files};

pub(super) fn render(diagnostics: &Diagnostics, files: &Files, style: &Style) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| command(diagnostic, files, style))
        .collect()
}

fn command(diagnostic: &Diagnostic, files: &Files, style: &Style) -> String {
    let mut locations = locations(diagnostic, files);
    let mut text = diagnostic.message.clone();
    let mut properties = String::new();
    if let Some(first) = locations.next() {
        let file = property(&format!("{}{}", style.root, first.file));
        let (start, end) = (first.start, first.end);
        let _ = write!(
            properties,
            "file={file},line={},endLine={}",
            start.line, end.line
        );
        // GitHub ignores columns of ranges that span lines.
        if start.line == end.line {
            let _ = write!(properties, ",col={},endColumn={}", start.column, end.column);
        }
        properties.push(',');
        if !first.label.text.is_empty() {
            let _ = write!(text, "\n{}", first.label.text);
        }
    }
    let _ = write!(properties, "title={}", property(diagnostic.code.as_str()));
    for location in locations {
        let team = location
            .team
            .map(|team| format!(" ({team})"))
            .unwrap_or_default();
        let separator = if location.label.text.is_empty() {
            ""
        } else {
            ": "
        };
        let _ = write!(
            text,
            "\n{}{}:{}:{}{team}{separator}{}",
            style.root,
            location.file,
            location.start.line,
            location.start.column,
            location.label.text
        );
    }
    if !diagnostic.targets.is_empty() {
        let targets: Vec<&str> = diagnostic.targets.iter().map(String::as_str).collect();
        let _ = write!(text, "\nin {}", targets.join(", "));
    }
    if let Some(help) = &diagnostic.help {
        let _ = write!(text, "\nhelp: {help}");
    }
    format!(
        "::{} {properties}::{}\n",
        diagnostic.severity.as_str(),
        data(&text)
    )
}

/// Escapes the text of a workflow command.
fn data(text: &str) -> String {
    plain(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property value of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::{Code, Span};

    #[test]
    fn a_diagnostic_is_one_complete_command() {
        let (files, diagnostics) = sample::conflict();
        let style = Style {
            root: "systems/shop/".into(),
            ..Style::default()
        };
        assert_eq!(
            render(&diagnostics, &files, &style),
            concat!(
                "::error file=systems/shop/teams/storefront/web.cue,line=4,endLine=4,col=12,endColumn=13,",
                "title=kcc%3A%3Aeval%3A%3Aconflict::`replicas` of `web` cannot be 1",
                "%0A`storefront` says 1",
                "%0Asystems/shop/teams/platform/rules.cue:2:31 (platform): `platform` allows 2 and more",
                "%0Ain prod%0Ahelp: write `replicas: 2`, or ask `platform`\n"
            )
        );
    }

    #[test]
    fn a_message_cannot_break_out_of_its_command() {
        let diagnostic = Diagnostic::warning(Code::LoadNoSystem, "50%\n::error::no");
        assert_eq!(
            render(&diagnostic.into(), &Files::new(), &Style::default()),
            "::warning title=kcc%3A%3Aload%3A%3Ano-system::50%25%0A::error::no\n"
        );
    }

    #[test]
    fn a_file_name_cannot_break_out_of_its_property() {
        let mut files = Files::new();
        let file = files.add("a,line=9::x\n::error::no.cue", "x\n");
        let span = Span {
            file,
            start: 0,
            end: 1,
        };
        let diagnostic = Diagnostic::error(Code::EvalConflict, "no").primary(span, "");
        assert_eq!(
            render(&diagnostic.into(), &files, &Style::default()),
            concat!(
                "::error file=a%2Cline=9%3A%3Ax%0A%3A%3Aerror%3A%3Ano.cue,line=1,endLine=1,",
                "col=1,endColumn=2,title=kcc%3A%3Aeval%3A%3Aconflict::no\n"
            )
        );
    }

    #[test]
    fn omits_columns_of_multi_line_spans() {
        let mut files = Files::new();
        let file = files.add("a.cue", "a: {\n}\n");
        let diagnostic = Diagnostic::error(Code::EvalConflict, "no")
            .primary(sample::span(&files, file, "{\n}"), "");
        let text = render(&diagnostic.into(), &files, &Style::default());
        assert!(
            text.starts_with("::error file=a.cue,line=1,endLine=2,title="),
            "{text}"
        );
    }
}
