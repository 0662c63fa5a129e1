//! [`plain`]: sanitises text for a terminal.
//!
//! Fragments and the responses of engines are untrusted. Escape sequences and
//! characters that change the writing direction could forge what a reader sees.
//! Each such character is replaced by one of the same UTF-8 length, so that spans
//! stay valid.

use std::borrow::Cow;
use std::fmt::Write;

/// Sanitises a name; replaces line breaks and tabs, too.
pub(super) fn on_one_line(text: &str) -> String {
    plain(text).replace(['\n', '\r', '\t'], "?")
}

/// Escapes terminal control characters in JSON text; the values stay the same.
pub(super) fn escaped(json: String) -> String {
    if !json.chars().any(is_control) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_control(c) {
            // All lie in the Basic Multilingual Plane, so one `\u` escape
            // suffices, and outside of strings JSON allows none of them.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// Returns true for characters that a terminal interprets, except newline and tab.
fn is_control(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        _ => c.is_control(),
    }
}

/// Replaces every character that could control a terminal; keeps line breaks and
/// tabs.
pub fn plain(text: &str) -> Cow<'_, str> {
    let replaced = |(at, c): (usize, char)| match c {
        '\r' => !text[at + 1..].starts_with('\n'),
        _ => is_control(c),
    };
    if !text.char_indices().any(replaced) {
        return Cow::Borrowed(text);
    }
    let sanitised = text
        .char_indices()
        .map(|(at, c)| match (replaced((at, c)), c.len_utf8()) {
            (false, _) => c,
            (true, 1) => '?',
            (true, 2) => '¿',
            (true, _) => char::REPLACEMENT_CHARACTER,
        });
    Cow::Owned(sanitised.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_control_characters_by_as_many_bytes() {
        let text = "a\u{1b}[31m\u{9b}m\u{202e}\rb\r\n\tc\u{7f}";
        let shown = plain(text);
        assert_eq!(shown, "a?[31m¿m\u{fffd}?b\r\n\tc?");
        assert_eq!(shown.len(), text.len());
        assert!(matches!(plain("häuser\n\tx"), Cow::Borrowed(_)));
    }

    #[test]
    fn escaping_json_keeps_its_values() {
        let value = "a\u{9b}31m\u{202e}\u{7f}\u{1b}\t\n\r\u{61c}é\u{1f600}";
        let text = escaped(serde_json::to_string(value).unwrap());
        assert!(!text.chars().any(is_control), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        assert_eq!(escaped("{\"a\": \"é\"}\n".to_owned()), "{\"a\": \"é\"}\n");
    }
}
