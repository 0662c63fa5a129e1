//! The `text` format: source excerpts with labels, framed by miette.
//!
//! Colour never carries meaning alone: the severity is a word, and labelled spans
//! are underlined.

use std::fmt::{self, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use textwrap::{WordSeparator, WordSplitter};

use super::{Style, plain, plain::on_one_line, snippet::Snippets};
use crate::{Diagnostic, Diagnostics, Files, Severity};

pub(super) fn render(diagnostics: &Diagnostics, files: &Files, style: &Style) -> String {
    let theme = if style.color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width.max(40))
        .with_links(false)
        .with_break_words(false)
        // Break lines only at spaces, so that names, paths and flags with a
        // hyphen stay whole and can be copied.
        .with_word_separator(WordSeparator::AsciiSpace)
        .with_word_splitter(WordSplitter::NoHyphenation)
        .tab_width(4)
        .without_cause_chain()
        .without_primary_span_start();
    let mut text = String::new();
    for diagnostic in diagnostics {
        let shown = Shown::new(diagnostic, files, style);
        let mut report = String::new();
        handler
            .render_report(&mut report, &shown)
            .expect("every span was clamped to its file");
        for line in report.trim_end().lines() {
            text += line.trim_end();
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// A diagnostic adapted to miette's traits.
struct Shown<'a> {
    severity: Severity,
    header: String,
    message: String,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    snippets: Snippets<'a>,
}

impl<'a> Shown<'a> {
    fn new(diagnostic: &'a Diagnostic, files: &'a Files, style: &Style) -> Self {
        let snippets = Snippets::new(files, diagnostic.labels.iter().map(|label| label.span));
        let labels = diagnostic
            .labels
            .iter()
            // A directory or an unreadable file has no line to show; the
            // message names it.
            .filter(|label| {
                let file = files.get(label.span.file);
                !label.text.is_empty() || file.is_none_or(|file| !file.text().is_empty())
            })
            .filter_map(|label| {
                let span = snippets.span(files, label.span)?;
                let text = Some(plain(&label.text).into_owned()).filter(|text| !text.is_empty());
                Some(if label.primary {
                    LabeledSpan::new_primary_with_span(text, span)
                } else {
                    LabeledSpan::new_with_span(text, span)
                })
            })
            .collect();
        Self {
            severity: diagnostic.severity,
            header: header(diagnostic, style),
            message: plain(&diagnostic.message).into_owned(),
            help: diagnostic
                .help
                .as_deref()
                .map(|help| plain(help).into_owned()),
            labels,
            snippets,
        }
    }
}

/// Formats the first line, such as `error[kcc::eval::conflict] in stage, prod`.
fn header(diagnostic: &Diagnostic, style: &Style) -> String {
    let mut header = format!("{}[{}]", diagnostic.severity.as_str(), diagnostic.code);
    if !diagnostic.targets.is_empty() && diagnostic.targets != style.targets {
        let targets: Vec<&str> = diagnostic.targets.iter().map(String::as_str).collect();
        let _ = write!(header, " in {}", targets.join(", "));
    }
    on_one_line(&header)
}

impl miette::Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.header))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.snippets)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl std::error::Error for Shown<'_> {}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::sample;
    use super::*;
    use crate::{Code, FileId, Span};

    #[test]
    fn shows_each_team_s_line_in_its_own_frame() {
        let (files, diagnostics) = sample::conflict();
        let expected = "\
error[kcc::eval::conflict] in prod

  × `replicas` of `web` cannot be 1
   ╭─[teams/storefront/web.cue:4:12 (storefront)]
 3 │ services: web: {
 4 │     replicas: 1
   ·               ┬
   ·               ╰── `storefront` says 1
 5 │ }
   ╰────
   ╭─[teams/platform/rules.cue:2:31 (platform)]
 1 │ package shop
 2 │ services: [string]: replicas: >=2
   ·                               ─┬─
   ·                                ╰── `platform` allows 2 and more
   ╰────
  help: write `replicas: 2`, or ask `platform`

";
        assert_eq!(render(&diagnostics, &files, &Style::default()), expected);
    }

    #[test]
    fn shows_several_lines_of_one_file_in_one_frame() {
        let (mut files, _) = sample::conflict();
        let cart = files.add(
            "teams/payments/cart.cue",
            "package shop\n\nservices: cart: {\n\tport: 80\n\tneeds: web: {}\n}\n",
        );
        files.set_team(cart, Some("payments".into()));
        let rules = files.find("teams/platform/rules.cue").unwrap();
        let diagnostic = Diagnostic::warning(Code::CheckNeedCycle, "a cycle")
            .secondary(sample::span(&files, rules, "services"), "from platform")
            .primary(sample::span(&files, cart, "80"), "first")
            .secondary(sample::span(&files, cart, "web: {}"), "second");
        let expected = "\
warning[kcc::check::need-cycle]

  ⚠ a cycle
   ╭─[teams/payments/cart.cue:4:8 (payments)]
 3 │ services: cart: {
 4 │     port: 80
   ·           ─┬
   ·            ╰── first
 5 │     needs: web: {}
   ·            ───┬───
   ·               ╰── second
 6 │ }
   ╰────
   ╭─[teams/platform/rules.cue:2:1 (platform)]
 1 │ package shop
 2 │ services: [string]: replicas: >=2
   · ────┬───
   ·     ╰── from platform
   ╰────

";
        let mut diagnostics = Diagnostics::from(diagnostic);
        diagnostics.sort(&files);
        assert_eq!(render(&diagnostics, &files, &Style::default()), expected);
    }

    #[test]
    fn wraps_long_messages_at_spaces_only() {
        let message = "`services.web-shop.replicas` ".repeat(12);
        let diagnostic = Diagnostic::error(Code::EvalConflict, message.trim()).help(message.trim());
        for width in [0, 40, 72, 100] {
            let style = Style {
                width,
                ..Style::default()
            };
            let text = render(&diagnostic.clone().into(), &Files::new(), &style);
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(width.max(40)), "{width}:\n{text}");
            assert_eq!(
                text.matches("`services.web-shop.replicas`").count(),
                24,
                "{text}"
            );
        }
    }

    #[test]
    fn cuts_very_long_lines_around_their_labels() {
        let filler = "é".repeat(500_000);
        let source =
            format!("_a: \"{filler}\"\nx: [\"{filler}\", 80, \"{filler}\"]\ny: \"{filler}\"\n");
        let mut files = Files::new();
        let file = files.add("a.cue", source.as_str());
        let at = |text: &str| sample::span(&files, file, text);
        let long = Span {
            start: at("y:").start + 3,
            ..at("y:")
        };
        let diagnostic = Diagnostic::error(Code::EvalConflict, "no")
            .primary(at("80"), "here")
            .secondary(
                Span {
                    end: long.start + 900_000,
                    ..long
                },
                "all of this",
            );
        let shown = |count| "é".repeat(count);
        let expected = format!(
            "\
error[kcc::eval::conflict]

  × no
   ╭─[a.cue:2:{}]
 1 │ _a: \"{}…
 2 │ …{}\", 80, \"{}…
   ·  {}   ─┬
   ·  {}    ╰── here
 3 │ y: \"{}…
   ·    {}┬{}
   ·    {}╰── all of this
   ╰────

",
            6 + 500_000 + 3,
            shown(48),
            shown(19),
            shown(19),
            " ".repeat(19),
            " ".repeat(19),
            shown(70),
            "─".repeat(36),
            "─".repeat(35),
            " ".repeat(36),
        );
        let text = render(&diagnostic.into(), &files, &Style::default());
        assert_eq!(text, expected);
    }

    #[test]
    fn shows_no_frame_for_a_file_without_text() {
        let mut files = Files::new();
        let file = files.add("folder.cue", "");
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        let diagnostic = Diagnostic::error(Code::LoadNotAFile, "`folder.cue` is a directory")
            .primary(span, "")
            .help("remove it");
        let expected = "\
error[kcc::load::not-a-file]

  × `folder.cue` is a directory
  help: remove it

";
        assert_eq!(
            render(&diagnostic.into(), &files, &Style::default()),
            expected
        );
    }

    #[test]
    fn omits_targets_if_all_are_affected() {
        let (files, diagnostics) = sample::conflict();
        let style = Style {
            targets: BTreeSet::from(["prod".into()]),
            ..Style::default()
        };
        let text = render(&diagnostics, &files, &style);
        assert!(text.starts_with("error[kcc::eval::conflict]\n"), "{text}");
    }

    #[test]
    fn colour_adds_only_escape_sequences() {
        let (files, diagnostics) = sample::conflict();
        let text = render(
            &diagnostics,
            &files,
            &Style {
                color: true,
                ..Style::default()
            },
        );
        let mut bare = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            bare += before;
            rest = after.split_once('m').unwrap().1;
        }
        bare += rest;
        assert_ne!(bare, text);
        assert_eq!(bare, render(&diagnostics, &files, &Style::default()));
    }

    #[test]
    fn renders_every_span_even_out_of_range() {
        for source in [
            "",
            "\n",
            "a",
            "a: \"é\"\r\nb: 2\n\n\u{1b}[2J",
            "x\ty\n\n\n{\n1\n2\n3\n4\n5\n6\n7\n8\n9\n}",
        ] {
            let mut files = Files::new();
            let file = files.add("a.cue", source);
            let most = u32::try_from(source.len()).unwrap() + 3;
            for start in 0..most {
                for end in 0..most {
                    let span = Span { file, start, end };
                    let gone = Span {
                        file: FileId(9),
                        start,
                        end,
                    };
                    let diagnostic = Diagnostic::error(Code::EvalConflict, "no")
                        .primary(span, "here\u{1b}[0m")
                        .secondary(Span { start: end, ..span }, "")
                        .secondary(gone, "nowhere");
                    let text = render(&diagnostic.into(), &files, &Style::default());
                    assert!(
                        text.contains("here?[0m"),
                        "{source:?} {start}..{end}:\n{text}"
                    );
                    assert!(
                        !text.contains('\u{1b}'),
                        "{source:?} {start}..{end}:\n{text}"
                    );
                }
            }
        }
    }
}
