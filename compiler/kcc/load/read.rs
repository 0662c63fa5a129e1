//! Reads one file as UTF-8 text.

use std::{fs::File, io, io::Read, path::Path};

use kcc_diag::Code;

use super::problem::{Excerpt, Problem};

/// The maximum size of a fragment in bytes. A longer file is not written by hand, and
/// reading a huge one would exhaust the machine's memory.
const MAX_SIZE: u64 = 16 << 20;

/// The reason why a file could not be read as text.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The operating system reported an error.
    Io(io::Error),
    /// The file is not UTF-8; these are its bytes.
    NotUtf8(Vec<u8>),
    /// The file is longer than a fragment may be.
    TooLong,
}

/// Returns the text of a file without a byte order mark.
pub(super) fn text(path: &Path) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(ReadError::Io)?;
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(ReadError::Io)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(ReadError::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(|error| ReadError::NotUtf8(error.into_bytes()))?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::NotUtf8(_) => io::Error::other("it is not valid UTF-8"),
            ReadError::TooLong => io::Error::other("it is too long"),
        }
    }
}

impl ReadError {
    /// Converts the error to the problem of a file.
    pub(super) fn problem(self, name: String) -> Problem {
        match self {
            ReadError::Io(error) => unreadable(name, &error),
            ReadError::NotUtf8(bytes) => not_utf8(name, &bytes),
            ReadError::TooLong => Problem {
                code: Code::LoadNotAFile,
                message: format!("`{name}` is longer than {} MiB", MAX_SIZE >> 20),
                help: "split it, or rename it so that it does not end in `.cue`".into(),
                name,
                excerpt: None,
            },
        }
    }
}

/// Creates the problem of a file or directory that the operating system cannot read.
pub(super) fn unreadable(name: String, error: &io::Error) -> Problem {
    Problem {
        code: Code::LoadUnreadable,
        message: format!("cannot read `{name}`: {error}"),
        help: "make it readable for the user who runs kcc".into(),
        name,
        excerpt: None,
    }
}

fn not_utf8(name: String, bytes: &[u8]) -> Problem {
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let text = String::from_utf8_lossy(bytes).into_owned();
    let label = format!("invalid byte {:02X}", bytes[valid.len()]);
    let end = valid.len() + char::REPLACEMENT_CHARACTER.len_utf8();
    Problem {
        code: Code::LoadNotUtf8,
        message: format!("`{name}` is not valid UTF-8"),
        help: "save it as UTF-8, or rename it so that it does not end in `.cue`".into(),
        name,
        excerpt: Some(Excerpt {
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
    fn shows_the_first_invalid_byte() {
        let problem =
            ReadError::NotUtf8(b"a: \"Z\xfcrich\xff\"\n".to_vec()).problem("a.cue".into());
        let excerpt = problem.excerpt.unwrap();
        assert_eq!(excerpt.label, "invalid byte FC");
        assert_eq!(&excerpt.text[excerpt.range], "\u{fffd}");
    }

    #[test]
    fn refuses_a_file_that_is_too_long() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.cue");
        let file = File::create(&path).unwrap();
        // A sparse file takes no space.
        file.set_len(20 << 30).unwrap();
        let problem = text(&path).unwrap_err().problem("a.cue".into());
        assert_eq!(problem.message, "`a.cue` is longer than 16 MiB");
        file.set_len(MAX_SIZE).unwrap();
        assert!(text(&path).is_ok());
    }

    #[test]
    fn removes_a_byte_order_mark() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.cue");
        std::fs::write(&path, "\u{feff}package shop\n").unwrap();
        assert_eq!(text(&path).unwrap(), "package shop\n");
    }
}
