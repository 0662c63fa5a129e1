//! [`render`]: diagnostics as text for people, scripts and code hosts.
//!
//! Takes diagnostics and the files they point into and returns text. Writes
//! nothing and reads neither the terminal nor the environment: the caller passes
//! what it knows about them as a [`Style`]. Same input, same bytes.
//!
//! Texts of diagnostics come from fragments and engines, so every format
//! neutralises characters that could control the reader's terminal.

mod github;
mod json;
mod location;
mod long_words;
mod plain;
mod sarif;
mod snippet;
mod style;
mod text;

use crate::{Diagnostics, Files};

pub use plain::plain;
pub use style::Style;

/// An output format for diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Source excerpts with labels, for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
    /// Workflow commands, which GitHub shows as annotations of changed lines.
    Github,
    /// One SARIF 2.1.0 document, for code scanning services.
    Sarif,
}

/// Renders diagnostics in their given order. The result is empty or ends with a
/// newline.
pub fn render(diagnostics: &Diagnostics, files: &Files, format: Format, style: &Style) -> String {
    let diagnostics = &*long_words::shortened(diagnostics);
    match format {
        Format::Text => text::render(diagnostics, files, style),
        Format::Json => json::render(diagnostics, files),
        Format::Github => github::render(diagnostics, files, style),
        Format::Sarif => sarif::render(diagnostics, files, style),
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! Sample diagnostics for the tests of all formats.

    use crate::{Code, Diagnostic, Diagnostics, FileId, Files, Path, Span, Subject};

    /// Returns the span of the first occurrence of a text in a file.
    pub(crate) fn span(files: &Files, file: FileId, text: &str) -> Span {
        let start = files.get(file).unwrap().text().find(text).unwrap();
        let [start, end] = [start, start + text.len()].map(|at| u32::try_from(at).unwrap());
        Span { file, start, end }
    }

    /// Returns a conflict between the files of two teams.
    pub(crate) fn conflict() -> (Files, Diagnostics) {
        let mut files = Files::new();
        let web = files.add(
            "teams/storefront/web.cue",
            "package shop\n\nservices: web: {\n\treplicas: 1\n}\n",
        );
        let rules = files.add(
            "teams/platform/rules.cue",
            "package shop\nservices: [string]: replicas: >=2\n",
        );
        files.set_team(web, Some("storefront".into()));
        files.set_team(rules, Some("platform".into()));
        let diagnostic = Diagnostic::error(Code::EvalConflict, "`replicas` of `web` cannot be 1")
            .at(Path::of(["services", "web", "replicas"]))
            .target("prod")
            .primary(span(&files, web, "1"), "`storefront` says 1")
            .secondary(span(&files, rules, ">=2"), "`platform` allows 2 and more")
            .help("write `replicas: 2`, or ask `platform`");
        (files, diagnostic.into())
    }

    /// Returns a diagnostic whose every text tries to control the reader's
    /// terminal, with labels out of range.
    pub(crate) fn hostile() -> (Files, Diagnostics) {
        const EVIL: &str = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\r\u{8}\u{7f}\u{61c}";
        let mut files = Files::new();
        let name = format!("teams/{EVIL}/a\nerror: b.cue");
        let file = files.add(name, format!("a: \"{EVIL}\"\nb: 2"));
        files.set_team(file, Some(EVIL.to_owned()));
        let at = |start, end| Span { file, start, end };
        let diagnostic = Diagnostic::error(Code::EvalConflict, format!("`{EVIL}` is not a name"))
            .at(Subject::Component(EVIL.to_owned()))
            .target(EVIL)
            .primary(at(0, 9_999), EVIL)
            .secondary(at(9_999, 3), EVIL)
            .secondary(
                Span {
                    file: FileId(77),
                    start: 0,
                    end: 1,
                },
                EVIL,
            )
            .help(format!("write `{EVIL}`"));
        let mut diagnostics = Diagnostics::from(diagnostic);
        diagnostics.push(Diagnostic::warning(Code::LoadSyntax, EVIL));
        (files, diagnostics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [Format; 4] = [Format::Text, Format::Json, Format::Github, Format::Sarif];

    #[test]
    fn no_format_passes_terminal_control_characters() {
        let (files, diagnostics) = sample::hostile();
        let style = Style {
            root: "\u{1b}[2J/".to_owned(),
            ..Style::default()
        };
        for format in FORMATS {
            let text = render(&diagnostics, &files, format, &style);
            let controls =
                |c: &char| c.is_control() && *c != '\n' || "\u{202e}\u{61c}".contains(*c);
            assert_eq!(text.chars().find(controls), None, "{format:?}: {text:?}");
            assert!(!text.contains("\nerror: b.cue"), "{format:?}: {text}");
        }
    }

    #[test]
    fn every_format_is_empty_or_ends_with_a_newline() {
        let (files, diagnostics) = sample::hostile();
        for format in FORMATS {
            let style = Style::default();
            assert!(render(&diagnostics, &files, format, &style).ends_with('\n'));
            let none = render(&Diagnostics::new(), &files, format, &style);
            assert!(none.is_empty() || none.ends_with('\n'), "{format:?}");
            assert_eq!(none.is_empty(), format != Format::Sarif, "{format:?}");
        }
    }

    #[test]
    fn every_format_shows_every_diagnostic() {
        let (files, one) = sample::conflict();
        let one = one.into_iter().next().unwrap();
        let many: Diagnostics = (0..500)
            .map(|number| crate::Diagnostic {
                message: format!("mistake {number}"),
                ..one.clone()
            })
            .collect();
        for format in FORMATS {
            let text = render(&many, &files, format, &Style::default());
            for number in 0..500 {
                let message = format!("mistake {number}");
                let shown = text.match_indices(&message).any(|(at, _)| {
                    !text[at + message.len()..].starts_with(|c: char| c.is_ascii_digit())
                });
                assert!(shown, "{format:?} lacks {message}");
            }
        }
    }
}
