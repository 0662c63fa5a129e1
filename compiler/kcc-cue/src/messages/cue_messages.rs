//! Translates CUE's messages by the table `cue_messages.txt`. A message that is not in the table,
//! or has no translation, is not repeated; the caller then uses a sentence of its own.

use std::sync::LazyLock;

use super::values::type_name;
use crate::wire::Type;

/// One of CUE's formats with kcc's message.
struct Message {
    /// The text between the verbs.
    literals: Vec<&'static str>,
    translation: &'static str,
}

static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let mut messages: Vec<Message> = include_str!("cue_messages.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, translation)| *translation != "-")
        .map(|(format, translation)| Message {
            literals: literals(format),
            translation,
        })
        .collect();
    // Longer matches are more specific.
    messages.sort_by_key(|message| {
        let known: usize = message.literals.iter().map(|part| part.len()).sum();
        std::cmp::Reverse(known)
    });
    messages
});

/// Translates a message of CUE's evaluator, if there is a translation.
pub(super) fn translate(message: &str) -> Option<String> {
    translate_with(message, showable)
}

/// Translates a message of CUE's parser.
pub(super) fn translate_syntax(message: &str) -> Option<String> {
    translate_with(message, |token| {
        // The quotes of a string are the team's own, not the parser's.
        let is_string = token.len() > 1 && token.starts_with('"') && token.ends_with('"');
        Some(if is_string {
            token.to_owned()
        } else {
            tidy(token)
        })
    })
}

fn translate_with(message: &str, show: fn(&str) -> Option<String>) -> Option<String> {
    let message = message.trim().trim_end_matches('.');
    let (known, given) = MESSAGES
        .iter()
        .filter(|known| known.literals.iter().any(|part| part.len() > 2))
        .find_map(|known| Some((known, arguments(&known.literals, message)?)))?;
    fill(known.translation, &given, show)
}

/// Returns an argument of the evaluator's message if it is suitable for a sentence: neither a whole
/// struct nor an internal name.
fn showable(given: &str) -> Option<String> {
    let short = !given.is_empty() && given.chars().count() <= 60;
    let internal =
        given.contains(['{', '$', '\n']) || given.contains("_|_(") || given.contains("//cue:");
    (short && !internal).then(|| given.to_owned())
}

/// Returns the pieces of a format between its verbs.
fn literals(format: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let mut rest = format;
    let mut from = 0;
    while let Some(at) = rest[from..].find('%').map(|at| at + from) {
        let after = &rest[at + 1..];
        let flags = after
            .find(|c: char| !matches!(c, '[' | ']' | '+' | '#' | '0'..='9'))
            .unwrap_or(after.len());
        match after[flags..].chars().next() {
            Some(letter) if letter.is_ascii_alphabetic() => {
                parts.push(&rest[..at]);
                rest = &after[flags + 1..];
                from = 0;
            }
            _ => from = at + 1,
        }
    }
    parts.push(rest);
    parts
}

/// Returns the arguments of a message, if it has the format.
fn arguments<'a>(literals: &[&str], message: &'a str) -> Option<Vec<&'a str>> {
    let (first, others) = literals.split_first()?;
    let mut rest = message.strip_prefix(first)?;
    let Some((last, middle)) = others.split_last() else {
        return rest.is_empty().then(Vec::new);
    };
    let mut given = Vec::new();
    for part in middle {
        let (before, after) = rest.split_once(part)?;
        given.push(before);
        rest = after;
    }
    given.push(rest.strip_suffix(last)?);
    Some(given)
}

/// Fills the arguments into a translation, or returns `None` if one of them cannot be shown. The
/// cause of a failed call is translated itself.
fn fill(translation: &str, given: &[&str], show: fn(&str) -> Option<String>) -> Option<String> {
    let mut text = translation.to_owned();
    for (at, given) in given.iter().enumerate() {
        let placeholder = format!("{{{}}}", at + 1);
        let Some(start) = text.find(&placeholder) else {
            continue;
        };
        let quoted = text[..start].matches('`').count() % 2 == 1;
        let given = if quoted {
            let given = show(given)?.replace('`', "'");
            if given.is_empty() {
                return None;
            }
            given
        } else if translation.contains(" fails with ") && at > 0 {
            if let Some(words) = translate(given) {
                words
            } else {
                text.truncate(text.find(" with ").unwrap_or(text.len()));
                break;
            }
        } else {
            match named_type(given) {
                "something else" => show(quoted_name(given).as_deref().unwrap_or(given))?,
                kind => kind.to_owned(),
            }
        };
        text = text.replacen(&placeholder, &given, 1);
    }
    Some(text)
}

/// Names a type by its name in a message of CUE.
pub(super) fn named_type(name: &str) -> &'static str {
    type_name(match name {
        "string" => Type::String,
        "int" | "float" | "number" => Type::Number,
        "bool" => Type::Bool,
        "null" => Type::Null,
        "struct" => Type::Struct,
        "list" => Type::List,
        "bytes" => Type::Bytes,
        _ => Type::Other,
    })
}

/// Turns a name quoted by Go into one in backticks.
fn quoted_name(given: &str) -> Option<String> {
    let name = given.strip_prefix('"')?.strip_suffix('"')?;
    (!name.is_empty() && !name.contains(['"', '`'])).then(|| format!("`{name}`"))
}

/// Replaces the parser's quotes by backticks and its jargon by plain words.
fn tidy(text: &str) -> String {
    text.replace("'EOF'", "the end of the file")
        .replace("EOF", "the end of the file")
        .replace("'IDENT'", "a name")
        .replace("newline", "the end of the line")
        .replace("operand", "a value")
        .replace("IDENT", "a name")
        .replace("label", "a name")
        .replace("struct literal", "the struct")
        .replace("list literal", "the list")
        .replace(['\'', '"'], "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translates_a_message_by_its_format() {
        for (cue, words) in [
            ("division by zero", "division by zero"),
            (
                "error in call to div: division by zero",
                "`div` fails with division by zero",
            ),
            (
                "error in call to strconv.Atoi: invalid syntax",
                "`strconv.Atoi` cannot convert the text",
            ),
            (
                "error in call to strconv.Atoi: value out of range",
                "`strconv.Atoi` fails with the number is out of range",
            ),
            (
                "error in call to strconv.Atoi: something new",
                "`strconv.Atoi` fails",
            ),
            ("reference \"foo\" not found", "`foo` is not defined"),
            (
                "incompatible integer bounds >5 and <3",
                "no whole number satisfies both `>5` and `<3`",
            ),
            (
                "conflicting values [1] and 2 (mismatched types list and int)",
                "conflicting types: a list and a number",
            ),
        ] {
            assert_eq!(translate(cue).as_deref(), Some(words), "{cue}");
        }
        assert_eq!(translate("something that no version says"), None);
        for (cue, words) in [
            (
                "missing ',' before newline in struct literal",
                "missing `,` before the end of the line in the struct",
            ),
            (
                "expected operand, found newline",
                "expected a value, found the end of the line",
            ),
        ] {
            assert_eq!(translate_syntax(cue).as_deref(), Some(words), "{cue}");
        }
    }

    #[test]
    fn shows_values_unchanged_or_not_at_all() {
        assert_eq!(
            translate("undefined field: label").as_deref(),
            Some("undefined field `label`")
        );
        for internal in ["_x$0", "", "_|_(no)", "{labels: {team: string}}"] {
            assert_eq!(translate(&format!("undefined field: {internal}")), None);
        }
    }

    #[test]
    fn every_translation_is_complete() {
        for message in MESSAGES.iter() {
            let values: Vec<&str> = message.literals[1..].iter().map(|_| "x").collect();
            let words =
                fill(message.translation, &values, showable).expect("short values can be shown");
            assert!(!words.contains(['{', '%']), "{words}");
            assert!(!words.ends_with('.'), "{words}");
            assert_eq!(words.matches('`').count() % 2, 0, "{words}");
        }
    }
}
