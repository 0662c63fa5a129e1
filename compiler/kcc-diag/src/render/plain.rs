//! [`plain`]: text that cannot steer a terminal.
//!
//! A fragment is written by others, and so are the answers of an engine. Escape
//! sequences and characters that turn the direction of writing would let them
//! forge what a reader sees. Every such character becomes another one of the
//! same length in UTF-8, so that spans keep their places.

use std::borrow::Cow;

/// The text with every character that could steer a terminal replaced; line
/// ends and tabs stay.
pub fn plain(text: &str) -> Cow<'_, str> {
    let steers = |(at, c): (usize, char)| match c {
        '\n' | '\t' => false,
        '\r' => !text[at + 1..].starts_with('\n'),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    };
    if !text.char_indices().any(steers) {
        return Cow::Borrowed(text);
    }
    let replaced = text
        .char_indices()
        .map(|(at, c)| match (steers((at, c)), c.len_utf8()) {
            (false, _) => c,
            (true, 1) => '?',
            (true, 2) => '¿',
            (true, _) => char::REPLACEMENT_CHARACTER,
        });
    Cow::Owned(replaced.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_replaced_by_as_many_bytes() {
        let text = "a\u{1b}[31m\u{9b}m\u{202e}\rb\r\n\tc\u{7f}";
        let shown = plain(text);
        assert_eq!(shown, "a?[31m¿m\u{fffd}?b\r\n\tc?");
        assert_eq!(shown.len(), text.len());
        assert!(matches!(plain("häuser\n\tx"), Cow::Borrowed(_)));
    }
}
