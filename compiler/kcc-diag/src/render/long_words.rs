//! [`shortened`]: diagnostics without the middle of very long words.
//!
//! Names and values in a message come from fragments, where a single one can be
//! megabytes long, as the name of a field in generated data may be.

use std::borrow::Cow;

use crate::{Diagnostic, Diagnostics};

/// The number of bytes from which a word is cut: no name that an engine accepts,
/// and no image with its digest, has as many.
const MAX_WORD: usize = 400;

/// The number of bytes to keep at the beginning of a cut word.
const HEAD: usize = 200;

/// The number of bytes to keep at its end, with the quotation mark.
const TAIL: usize = 20;

/// Returns diagnostics with cut words in their texts.
pub(super) fn shortened(diagnostics: &Diagnostics) -> Cow<'_, Diagnostics> {
    if diagnostics
        .iter()
        .flat_map(texts)
        .any(|text| words(text).any(is_long))
    {
        let cut = |diagnostic: &Diagnostic| {
            let mut diagnostic = diagnostic.clone();
            let labels = diagnostic.labels.iter_mut().map(|label| &mut label.text);
            let texts = labels.chain([&mut diagnostic.message]);
            for text in texts.chain(&mut diagnostic.help) {
                *text = words(text).map(cut_word).collect();
            }
            diagnostic
        };
        Cow::Owned(diagnostics.iter().map(cut).collect())
    } else {
        Cow::Borrowed(diagnostics)
    }
}

fn texts(diagnostic: &Diagnostic) -> impl Iterator<Item = &str> {
    let labels = diagnostic.labels.iter().map(|label| &*label.text);
    let texts = labels.chain([&*diagnostic.message]);
    texts.chain(diagnostic.help.as_deref())
}

/// Returns the words of a text, each with the blank after it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([' ', '\n'])
}

fn is_long(word: &str) -> bool {
    word.len() > MAX_WORD
}

fn cut_word(word: &str) -> Cow<'_, str> {
    if !is_long(word) {
        return Cow::Borrowed(word);
    }
    let head = &word[..word.floor_char_boundary(HEAD)];
    let tail = &word[word.ceil_char_boundary(word.len() - TAIL)..];
    Cow::Owned(format!("{head}…{tail}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Style, render};
    use crate::{Code, Diagnostic, Diagnostics, Files};

    #[test]
    fn every_format_cuts_very_long_words() {
        let name = format!("`{}`", "é".repeat(500_000));
        let diagnostic = Diagnostic::error(Code::EvalUnknownField, format!("no field {name}"))
            .help(format!("remove {name} from the file"));
        let diagnostics = Diagnostics::from(diagnostic);
        for format in [Format::Text, Format::Json, Format::Github, Format::Sarif] {
            let text = render(&diagnostics, &Files::new(), format, &Style::default());
            assert!(text.len() < 5_000, "{format:?}: {} bytes", text.len());
            assert!(text.contains("`éé"), "{format:?}: {text}");
            assert!(text.contains("éé…éé"), "{format:?}: {text}");
        }
    }

    #[test]
    fn ordinary_texts_stay_as_they_are() {
        let message = "`services.web.image` ".repeat(100);
        let diagnostics = Diagnostics::from(Diagnostic::error(Code::EvalConflict, &*message));
        assert!(matches!(
            super::shortened(&diagnostics),
            std::borrow::Cow::Borrowed(_)
        ));
    }
}
