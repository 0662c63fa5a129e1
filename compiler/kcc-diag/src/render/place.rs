//! [`Place`]: a label with its file, lines and columns, for the formats that
//! machines read.

use crate::{Diagnostic, Files, Label, Position};

/// A label, resolved.
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) team: Option<&'a str>,
    pub(super) start: Position,
    pub(super) end: Position,
    pub(super) label: &'a Label,
}

/// The places of a diagnostic in the order of its labels; labels of files that
/// are not in the table have none.
pub(super) fn places<'a>(
    diagnostic: &'a Diagnostic,
    files: &'a Files,
) -> impl Iterator<Item = Place<'a>> {
    diagnostic.labels.iter().filter_map(|label| {
        let file = files.get(label.span.file)?;
        Some(Place {
            file: file.name(),
            team: file.team(),
            start: file.position(label.span.start),
            end: file.position(label.span.end.max(label.span.start)),
            label,
        })
    })
}
