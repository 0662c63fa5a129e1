//! [`Location`]: a label with its file, lines and columns, for the machine-readable
//! formats.

use crate::{Diagnostic, Files, Label, Position};

/// A label whose span is resolved to lines and columns.
pub(super) struct Location<'a> {
    pub(super) file: &'a str,
    pub(super) team: Option<&'a str>,
    pub(super) start: Position,
    pub(super) end: Position,
    pub(super) label: &'a Label,
}

/// Resolves the labels of a diagnostic in order; skips those whose file is not in
/// the table.
pub(super) fn locations<'a>(
    diagnostic: &'a Diagnostic,
    files: &'a Files,
) -> impl Iterator<Item = Location<'a>> {
    diagnostic.labels.iter().filter_map(|label| {
        let file = files.get(label.span.file)?;
        Some(Location {
            file: file.name(),
            team: file.team(),
            start: file.position(label.span.start),
            end: file.position(label.span.end.max(label.span.start)),
            label,
        })
    })
}
