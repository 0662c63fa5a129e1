//! Fragments in the middle of being edited: pieces are missing, duplicated, moved or replaced.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

/// Pieces that someone may have typed.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "&",
    "|",
    "...",
    "_",
    "#",
    "?",
    "!",
    "*",
    "if ",
    "for ",
    "let ",
    "null",
    "_|_",
    "services",
    "on",
    "policies",
    "require",
    "defaults",
    "secret",
    "@",
    "\\(",
    "\n",
    "0",
    "-1",
    "\"x\"",
    "image",
    ">=",
    "=~",
    "package x",
    "é",
    "'",
    "//",
    "in",
];

/// An edit of one of the files.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// Inserts a piece.
    Insert(Index, &'static str),
    /// Removes some characters.
    Remove(Index, usize),
    /// Copies a line to another place.
    CopyLine(Index, Index),
    /// Removes a line.
    RemoveLine(Index),
    /// Swaps two words.
    Swap(Index, Index),
}

/// Generates edits, each with the file that it is for.
pub(crate) fn edits() -> impl Strategy<Value = Vec<(Index, Edit)>> {
    let index = any::<Index>;
    let edit = prop_oneof![
        (index(), select(&PIECES[..])).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (index(), 1..13_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (index(), index()).prop_map(|(from, to)| Edit::CopyLine(from, to)),
        index().prop_map(Edit::RemoveLine),
        (index(), index()).prop_map(|(one, two)| Edit::Swap(one, two)),
    ];
    vec((index(), edit), 1..6)
}

/// Edits some of the files.
pub(crate) fn scramble(files: &mut [(String, String)], edits: &[(Index, Edit)]) {
    for (file, edit) in edits {
        let text = &mut file.get_mut(files).1;
        *text = edit.of(text);
    }
}

impl Edit {
    /// Returns an edited text.
    fn of(&self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        let mut lines: Vec<&str> = text.lines().collect();
        if chars.is_empty() || lines.is_empty() {
            return match self {
                Self::Insert(_, piece) => (*piece).to_owned(),
                _ => PIECES[0].to_owned(),
            };
        }
        match self {
            Self::Insert(at, piece) => {
                let at = at.index(chars.len());
                chars.splice(at..at, piece.chars());
            }
            Self::Remove(at, length) => {
                let at = at.index(chars.len());
                chars.drain(at..chars.len().min(at + length));
            }
            Self::CopyLine(from, to) => {
                let line = *from.get(&lines);
                lines.insert(to.index(lines.len()), line);
                return lines.join("\n") + "\n";
            }
            Self::RemoveLine(at) => {
                lines.remove(at.index(lines.len()));
                return lines.join("\n") + "\n";
            }
            Self::Swap(one, two) => {
                let mut words: Vec<&str> = text.split(' ').collect();
                let (one, two) = (one.index(words.len()), two.index(words.len()));
                words.swap(one, two);
                return words.join(" ");
            }
        }
        chars.into_iter().collect()
    }
}
