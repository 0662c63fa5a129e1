//! [`plain`]: text that cannot steer a terminal.
//!
//! A fragment is written by others, and so are the answers of an engine. Escape
//! sequences and characters that turn the direction of writing would let them
//! forge what a reader sees. Every such character becomes another one of the
//! same length in UTF-8, so that spans keep their places.

use std::borrow::Cow;
use std::fmt::Write;

/// The text of a name, which cannot leave its line either.
pub(super) fn on_one_line(text: &str) -> String {
    plain(text).replace(['\n', '\r', '\t'], "?")
}

/// JSON text in which no character can steer a terminal: what could is escaped,
/// so the values stay the same.
pub(super) fn escaped(json: String) -> String {
    if !json.chars().any(steers) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if steers(c) {
            // All of them lie in the first plane: one unit of UTF-16 each. A
            // bare one stands within a string only.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// Whether a character is one that a terminal obeys, line ends and tabs aside.
fn steers(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        _ => c.is_control(),
    }
}

/// The text with every character that could steer a terminal replaced; line
/// ends and tabs stay.
pub fn plain(text: &str) -> Cow<'_, str> {
    let steers = |(at, c): (usize, char)| match c {
        '\r' => !text[at + 1..].starts_with('\n'),
        _ => steers(c),
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

    #[test]
    fn json_keeps_its_values() {
        let value = "a\u{9b}31m\u{202e}\u{7f}\u{1b}\t\n\r\u{61c}é\u{1f600}";
        let text = escaped(serde_json::to_string(value).unwrap());
        assert!(!text.chars().any(steers), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        assert_eq!(escaped("{\"a\": \"é\"}\n".to_owned()), "{\"a\": \"é\"}\n");
    }
}
