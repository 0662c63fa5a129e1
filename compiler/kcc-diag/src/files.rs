//! [`Files`]: the source texts that diagnostics point into.
//!
//! Spans are byte ranges; [`SourceFile::position`] turns an offset into the line
//! and column shown to a person. Both accept offsets out of range, because spans
//! come from the evaluator and a wrong one must not hide the diagnostic.

use serde::{Deserialize, Serialize};

/// The index of a file in a [`Files`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(pub u32);

/// A range of bytes in one file; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset one past the last byte.
    pub end: u32,
}

/// A line and column as shown to a person: counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A file with its text and the team that owns it.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: String,
    text: String,
    team: Option<String>,
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Returns the path relative to the system's root, separated by `/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the team that owns the file; `None` for the system's own files.
    pub fn team(&self) -> Option<&str> {
        self.team.as_deref()
    }

    /// Returns the file's directory, relative to the root; empty for the root.
    pub fn directory(&self) -> &str {
        self.name
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory)
    }

    /// Returns the line and column of a byte offset; an offset past the end counts
    /// as the end.
    pub fn position(&self, offset: u32) -> Position {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let column = self.text[self.line_starts[line]..offset].chars().count() + 1;
        Position {
            line: line + 1,
            column,
        }
    }
}

/// All files of a run, addressed by [`FileId`].
#[derive(Debug, Clone, Default)]
pub struct Files {
    files: Vec<SourceFile>,
}

impl Files {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let id = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(SourceFile {
            name: name.into(),
            text,
            team: None,
            line_starts,
        });
        FileId(id)
    }

    /// Sets the team that owns a file.
    pub fn set_team(&mut self, id: FileId, team: Option<String>) {
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            file.team = team;
        }
    }

    /// Returns the file with this id, if it is in the table.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// Returns the id of the file with this name.
    pub fn find(&self, name: &str) -> Option<FileId> {
        self.iter()
            .find(|(_, file)| file.name == name)
            .map(|(id, _)| id)
    }

    /// Iterates over all files in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0_u32..)
            .zip(&self.files)
            .map(|(id, file)| (FileId(id), file))
    }

    /// Returns the team that owns the span's file.
    pub fn team(&self, span: Span) -> Option<&str> {
        self.get(span.file).and_then(SourceFile::team)
    }

    /// Returns the text under a span; empty if the span is out of range.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file)
            .and_then(|file| file.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_offsets_are_clamped() {
        let mut files = Files::new();
        let id = files.add("a.cue", "ä: 1\nb: \"é\"\n");
        let file = files.get(id).unwrap();
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(2), Position { line: 1, column: 2 });
        assert_eq!(file.position(6), Position { line: 2, column: 1 });
        assert_eq!(file.position(9_999), Position { line: 3, column: 1 });
    }
}
