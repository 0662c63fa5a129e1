//! Reading one file as text.

use std::{io, path::Path};

use kcc_diag::Code;

use super::problem::{Problem, Shown};

/// Why a file is no text.
#[derive(Debug)]
pub(super) enum Failure {
    /// The operating system refused.
    Refused(io::Error),
    /// It is not UTF-8.
    NotUtf8(Vec<u8>),
}

/// The text of a file, without a byte order mark.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(Failure::Refused)?;
    let text = String::from_utf8(bytes).map_err(|error| Failure::NotUtf8(error.into_bytes()))?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

impl Failure {
    /// The problem of the fragment of that name.
    pub(super) fn problem(self, name: String) -> Problem {
        match self {
            Failure::Refused(error) => refused(name, &error),
            Failure::NotUtf8(bytes) => not_utf8(name, &bytes),
        }
    }
}

/// The operating system refused a file or folder.
pub(super) fn refused(name: String, error: &io::Error) -> Problem {
    Problem {
        code: Code::LoadUnreadable,
        message: format!("cannot read `{name}`: {error}"),
        help: "make it readable for the user that runs kcc".into(),
        name,
        shown: None,
    }
}

fn not_utf8(name: String, bytes: &[u8]) -> Problem {
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let text = String::from_utf8_lossy(bytes).into_owned();
    let label = format!("the byte {:02X} stands here", bytes[valid.len()]);
    let end = valid.len() + char::REPLACEMENT_CHARACTER.len_utf8();
    Problem {
        code: Code::LoadNotUtf8,
        message: format!("`{name}` is not UTF-8 text"),
        help: "save it as UTF-8, or give it a name that does not end in `.cue`".into(),
        name,
        shown: Some(Shown {
            range: valid.len()..end,
            text,
            label,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_is_no_utf8_is_shown() {
        let problem = Failure::NotUtf8(b"a: \"Z\xfcrich\xff\"\n".to_vec()).problem("a.cue".into());
        let shown = problem.shown.unwrap();
        assert_eq!(shown.label, "the byte FC stands here");
        assert_eq!(&shown.text[shown.range], "\u{fffd}");
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cue");
        std::fs::write(&path, "\u{feff}package shop\n").unwrap();
        assert_eq!(text(&path).unwrap(), "package shop\n");
    }
}
