//! Names: components, teams, ports, volumes and the like are DNS labels, since
//! they become host names and names of objects.

use kcc_diag::{Code, nearest};

use super::Cursor;
use crate::pattern;

/// The longest DNS label.
const LABEL: usize = 63;
/// The longest name of a port: Kubernetes takes no more.
const PORT: usize = 15;

/// Reports a name that is no DNS label; `what` says what is named.
pub(crate) fn check(node: &Cursor<'_>, what: &str, name: &str) {
    let longest = if what == "port" { PORT } else { LABEL };
    let needs_letter = what == "port" && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    if is_label(name) && name.len() <= longest && !needs_letter {
        return;
    }
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let message = format!("`{name}` is no name for {article} {what}");
    let label = if name.len() > longest {
        format!("{} characters, {longest} are allowed", name.len())
    } else if needs_letter {
        "a letter is expected".to_owned()
    } else {
        "lower-case letters, digits and `-` inside are expected".to_owned()
    };
    let error = node.error(Code::ModelBadName, message, label);
    let help = match suggestion(name, longest) {
        Some(better) if !needs_letter => format!("write `{better}`"),
        _ => "write a name of lower-case letters, digits and `-`, such as `web-1`".to_owned(),
    };
    node.report(error.help(help));
}

/// Reports a name that not every engine and shell takes for a variable.
pub(crate) fn check_variable(node: &Cursor<'_>, name: &str) {
    if is_variable(name) {
        return;
    }
    let message = format!("`{name}` is no name for a variable");
    let label = "letters, digits and `_`, `-`, `.` are expected, no digit first";
    let error = node.error(Code::ModelBadName, message, label);
    let better: String = name
        .trim()
        .chars()
        .map(|c| {
            if is_variable(c.encode_utf8(&mut [0; 4])) || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        })
        .collect();
    node.report(error.help(if is_variable(&better) {
        format!("write `{better}`")
    } else {
        "write a name of letters, digits and `_`, such as `LOG_LEVEL`".to_owned()
    }));
}

fn is_variable(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.bytes().all(inner) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Reports a pattern of paths that begins with none of the known fields: it would
/// cover nothing, and nobody would be told.
pub(crate) fn check_pattern<'k>(
    node: &Cursor<'_>,
    known: impl Iterator<Item = &'k str> + Clone,
    what: &str,
) {
    let Some(written) = node.text() else {
        return;
    };
    let names = pattern::names(&written);
    let first = names.first().map_or("", String::as_str);
    if first == "*" || known.clone().any(|field| field == first) {
        return;
    }
    let message = format!("`{}`: `{written}` is no path of {what}", node.path);
    let error = node.error(Code::ModelBadPath, message, "leads nowhere");
    node.report(error.help(match nearest(first, known) {
        Some(near) => {
            let rest = written.split_once('.').map(|(_, rest)| format!(".{rest}"));
            format!("did you mean `{near}{}`?", rest.unwrap_or_default())
        }
        None if is_label(&written) => format!("write its path, such as `services.{written}`"),
        None => "write a path such as `services.web`".to_owned(),
    }));
}

/// Whether a text is a DNS label, its length aside.
pub fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// The nearest DNS label.
fn suggestion(name: &str, longest: usize) -> Option<String> {
    let mut better = String::new();
    for (at, c) in name.char_indices() {
        match c {
            'A'..='Z' => {
                let previous = name[..at].chars().next_back();
                if previous.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
                    better.push('-');
                }
                better.push(c.to_ascii_lowercase());
            }
            'a'..='z' | '0'..='9' => better.push(c),
            _ if better.ends_with('-') || better.is_empty() => {}
            _ => better.push('-'),
        }
    }
    better.truncate(longest);
    let better = better.trim_end_matches('-').to_owned();
    (better != name && is_label(&better)).then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_label_is_suggested() {
        for (name, better) in [
            ("stripeKey", Some("stripe-key")),
            ("Cart_Service", Some("cart-service")),
            ("-web-", Some("web")),
            ("é", None),
            ("HTTP", Some("http")),
        ] {
            assert_eq!(suggestion(name, LABEL).as_deref(), better, "{name}");
        }
        assert_eq!(
            suggestion(&"x".repeat(70), LABEL).map(|name| name.len()),
            Some(63)
        );
    }

    #[test]
    fn labels() {
        assert!(is_label("web-1") && is_label("1"));
        assert!(!is_label("") && !is_label("a.b") && !is_label("a-") && !is_label("A"));
    }
}
