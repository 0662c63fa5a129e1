//! [`Snippets`]: all files of one diagnostic as a single source for miette.
//!
//! miette accepts one source per diagnostic, but the labels of ours point into
//! several files. Each file therefore gets its own range of offsets in a common
//! space, and no read crosses two ranges, so that each file gets its own frame,
//! headed by location and team. Of a very long line only what is around the labels
//! is in that space.

use std::ops::Range;

use miette::{MietteError, SourceCode, SourceSpan, SpanContents};

use super::plain::{on_one_line, plain};
use crate::{Files, Position, SourceFile, Span};

/// The number of lines from which a span is shown by its first line only.
const MAX_LINES: usize = 8;

/// The number of bytes from which a line is cut around the spans in it.
const MAX_LINE: usize = 400;

/// The number of bytes of a cut line on each side of a span.
const AROUND: usize = 40;

/// The number of bytes of a cut line from the start of a span, or of the line.
const MAX_SPAN: usize = 100;

/// Stands for what is cut out.
const CUT: &str = "…";

/// The files of a diagnostic's labels in one offset space.
#[derive(Debug)]
pub(super) struct Snippets<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Debug)]
struct Part<'a> {
    file: &'a SourceFile,
    /// The text as displayed: sanitised, without the middle of long lines, with a trailing newline.
    text: String,
    /// The parts of the file that the text has.
    pieces: Vec<Piece>,
    line_starts: Vec<usize>,
    /// Offset of the text's first byte in the common space.
    base: usize,
}

/// A part of a file that is displayed.
#[derive(Debug)]
struct Piece {
    original: Range<usize>,
    /// Its offset in the displayed text.
    shown: usize,
}

impl<'a> Snippets<'a> {
    /// Collects the files of the spans, in order of first occurrence.
    pub(super) fn new(files: &'a Files, spans: impl Iterator<Item = Span>) -> Self {
        let mut of_files: Vec<(&'a SourceFile, Vec<Range<usize>>)> = Vec::new();
        for (file, span) in spans.filter_map(|span| Some((files.get(span.file)?, span))) {
            let range = span.start as usize..span.end as usize;
            let mut known = of_files.iter_mut();
            // Two files may have one name: kcc's schema has names of its own.
            match known.find(|(known, _)| std::ptr::eq(*known, file)) {
                Some((_, spans)) => spans.push(range),
                None => of_files.push((file, vec![range])),
            }
        }
        let mut parts: Vec<Part<'a>> = Vec::new();
        for (file, spans) in of_files {
            // A gap of one byte, so that no offset belongs to two parts.
            let base = parts
                .last()
                .map_or(0, |part| part.base + part.text.len() + 1);
            parts.push(Part::new(file, &spans, base));
        }
        Self { parts }
    }

    /// Maps a span to the common space, clamped to the displayed text.
    pub(super) fn span(&self, files: &Files, span: Span) -> Option<SourceSpan> {
        let file = files.get(span.file)?;
        let mut parts = self.parts.iter();
        let part = parts.find(|part| std::ptr::eq(part.file, file))?;
        let (start, end) = part.clamp(span);
        Some((part.base + start, end - start).into())
    }
}

impl<'a> Part<'a> {
    fn new(file: &'a SourceFile, spans: &[Range<usize>], base: usize) -> Self {
        // miette does not show text after the last newline.
        let mut whole = plain(file.text()).into_owned();
        if !whole.ends_with('\n') {
            whole.push('\n');
        }
        let mut text = String::new();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut at = 0;
        for line in whole.split_inclusive('\n') {
            for original in windows(&whole, at..at + line.len(), spans) {
                match pieces.last_mut() {
                    Some(last) if last.original.end == original.start => {
                        last.original.end = original.end;
                    }
                    last => {
                        if last.is_some() || original.start > 0 {
                            text += CUT;
                        }
                        pieces.push(Piece {
                            original: original.clone(),
                            shown: text.len(),
                        });
                    }
                }
                text += &whole[original];
            }
            at += line.len();
        }
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            file,
            text,
            pieces,
            line_starts,
            base,
        }
    }

    /// Maps an offset of the file to the displayed text: one that is cut out to the end of the mark
    /// for it.
    fn shown(&self, offset: usize) -> usize {
        let after = self
            .pieces
            .partition_point(|piece| piece.original.start <= offset);
        match after.checked_sub(1).map(|at| &self.pieces[at]) {
            Some(piece) if offset <= piece.original.end => {
                piece.shown + offset - piece.original.start
            }
            _ => self
                .pieces
                .get(after)
                .map_or(self.text.len(), |next| next.shown),
        }
    }

    /// Maps an offset of the displayed text back to the file.
    fn original(&self, shown: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.shown <= shown);
        let piece = after.checked_sub(1).map(|at| &self.pieces[at]);
        piece.map_or(0, |piece| {
            (piece.original.start + shown - piece.shown).min(piece.original.end)
        })
    }

    fn clamp(&self, span: Span) -> (usize, usize) {
        let text = &self.text;
        // Offsets behind the last newline are shown at the end of that line.
        let last = text.strip_suffix('\n').unwrap_or(text).len();
        let mut start = self.shown(span.start as usize).min(last);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = self.shown(span.end as usize).clamp(start, last);
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

/// Returns the parts of a line to display, in order; the last one has its newline.
fn windows(text: &str, line: Range<usize>, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    if line.len() <= MAX_LINE {
        return vec![line];
    }
    let end = line.end - 1;
    let mut windows: Vec<_> = spans
        .iter()
        .filter(|span| span.start <= end && span.end >= line.start)
        .map(|span| {
            let start = span.start.max(line.start);
            let shown = span.end.clamp(start, start + MAX_SPAN);
            start.saturating_sub(AROUND)..shown + AROUND
        })
        .collect();
    if windows.is_empty() {
        windows.push(line.start..line.start + MAX_SPAN);
    }
    windows.push(end..line.end);
    windows.sort_by_key(|window| window.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for window in windows {
        let from = text.floor_char_boundary(window.start.max(line.start));
        let to = text.ceil_char_boundary(window.end.min(line.end));
        match merged.last_mut() {
            Some(last) if from <= last.end => last.end = last.end.max(to),
            _ => merged.push(from..to),
        }
    }
    merged
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
        let original = u32::try_from(part.original(start)).unwrap_or(u32::MAX);
        let Position { line, column } = part.file.position(original);
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
