//! CUE's own messages in kcc's words, from the table `messages.txt`. What is not
//! in it, or has no words there, is not repeated: whoever asks says a sentence
//! of kcc's own.

use std::sync::LazyLock;

use super::values::kind_in_words;

/// A format of CUE's with kcc's words for it.
struct Message {
    /// What stands around the verbs.
    around: Vec<&'static str>,
    words: &'static str,
}

static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let mut messages: Vec<Message> = include_str!("messages.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, words)| *words != "-")
        .map(|(format, words)| Message {
            around: around(format),
            words,
        })
        .collect();
    // What says more of a message knows it better.
    messages.sort_by_key(|message| {
        let known: usize = message.around.iter().map(|part| part.len()).sum();
        std::cmp::Reverse(known)
    });
    messages
});

/// What kcc says instead of a message of CUE's evaluator, if it has words for it.
pub(super) fn in_words(message: &str) -> Option<String> {
    said_instead(message, evaluated)
}

/// What kcc says instead of a message of CUE's parser.
pub(super) fn parsed_in_words(message: &str) -> Option<String> {
    said_instead(message, |token| Some(tidy(token)))
}

fn said_instead(message: &str, show: fn(&str) -> Option<String>) -> Option<String> {
    let message = message.trim().trim_end_matches('.');
    let (known, given) = MESSAGES
        .iter()
        .filter(|known| known.around.iter().any(|part| part.len() > 2))
        .find_map(|known| Some((known, given(&known.around, message)?)))?;
    filled(known.words, &given, show)
}

/// What the evaluator names, if a sentence can hold it: neither a whole struct
/// nor a name that only the engine uses.
fn evaluated(given: &str) -> Option<String> {
    let short = !given.is_empty() && given.chars().count() <= 60;
    let internal =
        given.contains(['{', '$', '\n']) || given.contains("_|_(") || given.contains("//cue:");
    (short && !internal).then(|| given.to_owned())
}

/// The pieces of a format between its verbs.
fn around(format: &'static str) -> Vec<&'static str> {
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

/// What stands in the place of the verbs, if the message has the format.
fn given<'a>(around: &[&str], message: &'a str) -> Option<Vec<&'a str>> {
    let (first, others) = around.split_first()?;
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

/// Words with what was given in its places; none if something given cannot be
/// shown. The rest of a call's message has words of its own.
fn filled(words: &str, given: &[&str], show: fn(&str) -> Option<String>) -> Option<String> {
    let mut text = words.to_owned();
    for (at, given) in given.iter().enumerate() {
        let place = format!("{{{}}}", at + 1);
        let Some(start) = text.find(&place) else {
            continue;
        };
        let quoted = text[..start].matches('`').count() % 2 == 1;
        let given = if quoted {
            let given = show(given)?.replace('`', "'");
            if given.is_empty() {
                return None;
            }
            given
        } else if words.contains(" fails with ") && at > 0 {
            if let Some(words) = in_words(given) {
                words
            } else {
                text.truncate(text.find(" with ").unwrap_or(text.len()));
                break;
            }
        } else {
            match kind_in_words(given) {
                "something else" => show(quoted_name(given).as_deref().unwrap_or(given))?,
                kind => kind.to_owned(),
            }
        };
        text = text.replacen(&place, &given, 1);
    }
    Some(text)
}

/// What Go quotes, in backticks.
fn quoted_name(given: &str) -> Option<String> {
    let name = given.strip_prefix('"')?.strip_suffix('"')?;
    (!name.is_empty() && !name.contains(['"', '`'])).then(|| format!("`{name}`"))
}

/// The parser's words with backticks for its quotes, and none of its jargon.
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
    fn a_message_is_known_by_its_format() {
        for (cue, words) in [
            ("division by zero", "division by zero"),
            (
                "error in call to div: division by zero",
                "`div` fails with division by zero",
            ),
            (
                "error in call to strconv.Atoi: strconv.Atoi: parsing \"x\": invalid syntax",
                "`strconv.Atoi` fails",
            ),
            (
                "reference \"foo\" not found",
                "nothing is called `foo` here",
            ),
            (
                "incompatible integer bounds >5 and <3",
                "no whole number is within `>5` and `<3`",
            ),
            (
                "conflicting values [1] and 2 (mismatched types list and int)",
                "it would be a list and a number at once",
            ),
        ] {
            assert_eq!(in_words(cue).as_deref(), Some(words), "{cue}");
        }
        assert_eq!(in_words("something that no version says"), None);
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
            assert_eq!(parsed_in_words(cue).as_deref(), Some(words), "{cue}");
        }
    }

    #[test]
    fn values_stand_as_they_are_or_not_at_all() {
        assert_eq!(
            in_words("undefined field: label").as_deref(),
            Some("there is no field `label`")
        );
        for internal in ["_x$0", "", "_|_(no)", "{labels: {team: string}}"] {
            assert_eq!(in_words(&format!("undefined field: {internal}")), None);
        }
    }

    #[test]
    fn all_words_are_whole_sentences_of_their_own() {
        for message in MESSAGES.iter() {
            let values: Vec<&str> = message.around[1..].iter().map(|_| "x").collect();
            let words =
                filled(message.words, &values, evaluated).expect("short values can be shown");
            assert!(!words.contains(['{', '%']), "{words}");
            assert!(!words.ends_with('.'), "{words}");
            assert_eq!(words.matches('`').count() % 2, 0, "{words}");
        }
    }
}
