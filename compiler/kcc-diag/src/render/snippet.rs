//! [`Snippets`]: all files of one diagnostic as a single source for miette.
//!
//! miette accepts one source per diagnostic, but the labels of ours point into
//! several files. Each file therefore gets its own range of offsets in a common
//! space, and no read crosses two ranges, so that each file gets its own frame,
//! headed by location and team.

use miette::{MietteError, SourceCode, SourceSpan, SpanContents};

use super::plain::{on_one_line, plain};
use crate::{Files, Position, SourceFile, Span};

/// The number of lines from which a span is shown by its first line only.
const MAX_LINES: usize = 8;

/// The files of a diagnostic's labels in one offset space.
#[derive(Debug)]
pub(super) struct Snippets<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Debug)]
struct Part<'a> {
    file: &'a SourceFile,
    /// The text as displayed: sanitised, with a trailing newline.
    text: String,
    line_starts: Vec<usize>,
    /// Offset of the text's first byte in the common space.
    base: usize,
}

impl<'a> Snippets<'a> {
    /// Collects the files of the spans, in order of first occurrence.
    pub(super) fn new(files: &'a Files, spans: impl Iterator<Item = Span>) -> Self {
        let mut parts: Vec<Part<'a>> = Vec::new();
        for file in spans.filter_map(|span| files.get(span.file)) {
            if parts.iter().any(|part| part.file.name() == file.name()) {
                continue;
            }
            // A gap of one byte, so that no offset belongs to two parts.
            let base = parts
                .last()
                .map_or(0, |part| part.base + part.text.len() + 1);
            // miette does not show text after the last newline.
            let mut text = plain(file.text()).into_owned();
            if !text.ends_with('\n') {
                text.push('\n');
            }
            let line_starts = std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect();
            parts.push(Part {
                file,
                text,
                line_starts,
                base,
            });
        }
        Self { parts }
    }

    /// Maps a span to the common space, clamped to the displayed text.
    pub(super) fn span(&self, files: &Files, span: Span) -> Option<SourceSpan> {
        let name = files.get(span.file)?.name();
        let part = self.parts.iter().find(|part| part.file.name() == name)?;
        let (start, end) = part.clamp(span);
        Some((part.base + start, end - start).into())
    }
}

impl Part<'_> {
    fn clamp(&self, span: Span) -> (usize, usize) {
        let text = &self.text;
        // Offsets behind the last newline are shown at the end of that line.
        let last = text.strip_suffix('\n').unwrap_or(text).len();
        let mut start = (span.start as usize).min(last);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = (span.end as usize).clamp(start, last);
        while !text.is_char_boundary(end) {
            end += 1;
        }
        let mut shown = text[start..end].trim_end_matches(['\n', '\r']);
        if shown.matches('\n').count() >= MAX_LINES {
            shown = shown.lines().next().unwrap_or(shown);
        }
        (start, start + shown.len())
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }
}

impl SourceCode for Snippets<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let part = self
            .parts
            .iter()
            .find(|part| (part.base..=part.base + part.text.len()).contains(&span.offset()))
            .ok_or(MietteError::OutOfBounds)?;
        let start = span.offset() - part.base;
        let end = start + span.len();
        if end > part.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let first = part.line(start).saturating_sub(context_lines_before);
        let last = part.line(end.max(start + 1) - 1) + context_lines_after;
        let from = part.line_starts[first];
        let to = part
            .line_starts
            .get(last + 1)
            .copied()
            .unwrap_or(part.text.len());
        let Position { line, column } =
            part.file.position(u32::try_from(start).unwrap_or(u32::MAX));
        let team = part
            .file
            .team()
            .map(|team| format!(" ({team})"))
            .unwrap_or_default();
        Ok(Box::new(Lines {
            data: &part.text.as_bytes()[from..to],
            span: (part.base + from, to - from).into(),
            name: on_one_line(&format!("{}:{line}:{column}{team}", part.file.name())),
            line: first,
            count: last - first,
        }))
    }
}

struct Lines<'a> {
    data: &'a [u8],
    span: SourceSpan,
    name: String,
    line: usize,
    count: usize,
}

impl<'a> SpanContents<'a> for Lines<'a> {
    fn data(&self) -> &'a [u8] {
        self.data
    }

    fn span(&self) -> &SourceSpan {
        &self.span
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn line(&self) -> usize {
        self.line
    }

    fn column(&self) -> usize {
        0
    }

    fn line_count(&self) -> usize {
        self.count
    }
}
