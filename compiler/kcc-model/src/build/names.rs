//! Validates names. Components, teams, ports, volumes and the like have DNS labels
//! as names, since they become host names and object names.

use kcc_diag::{Code, nearest};

use super::Cursor;
use crate::pattern;

/// The maximum length of a DNS label.
const MAX_LABEL: usize = 63;
/// The maximum length of a port name in Kubernetes.
const MAX_PORT_NAME: usize = 15;

/// Reports a name that is not a DNS label; `what` is the named thing, for the
/// message.
pub(crate) fn validate(node: &Cursor<'_>, what: &str, name: &str) {
    let max_length = if what == "port" {
        MAX_PORT_NAME
    } else {
        MAX_LABEL
    };
    let needs_letter = what == "port" && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    if is_label(name) && name.len() <= max_length && !needs_letter {
        return;
    }
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let message = format!("`{name}` is not a valid name for {article} {what}");
    let label = if name.len() > max_length {
        format!(
            "{} characters, at most {max_length} are allowed",
            name.len()
        )
    } else if needs_letter {
        "expected a letter".to_owned()
    } else {
        "expected lower-case letters and digits, with `-` between them".to_owned()
    };
    let error = node.error(Code::ModelBadName, message, label);
    let help = match suggestion(name, max_length) {
        Some(better) if !needs_letter => format!("write `{better}`"),
        _ => "write a name of lower-case letters, digits and `-`, such as `web-1`".to_owned(),
    };
    node.report(error.help(help));
}

/// Reports a variable name that not every engine and shell accepts.
pub(crate) fn validate_variable(node: &Cursor<'_>, name: &str) {
    if is_variable(name) {
        return;
    }
    let message = format!("`{name}` is not a valid variable name");
    let label = "expected letters, digits, `_`, `-` or `.`, not starting with a digit";
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

/// Reports a path pattern that does not start with a known field: it would
/// silently cover nothing.
pub(crate) fn validate_pattern<'k>(
    node: &Cursor<'_>,
    known: impl Iterator<Item = &'k str> + Clone,
    what: &str,
) {
    let Some(declared) = node.text() else {
        return;
    };
    let names = pattern::names(&declared);
    let first = names.first().map_or("", String::as_str);
    if first == "*" || known.clone().any(|field| field == first) {
        return;
    }
    let message = format!("`{}`: `{declared}` is not the path of {what}", node.path);
    let error = node.error(Code::ModelBadPath, message, "no such path");
    node.report(error.help(match nearest(first, known) {
        Some(near) => {
            let rest = declared.split_once('.').map(|(_, rest)| format!(".{rest}"));
            format!("did you mean `{near}{}`?", rest.unwrap_or_default())
        }
        None if is_label(&declared) => format!("write its path, such as `services.{declared}`"),
        None => "write a path such as `services.web`".to_owned(),
    }));
}

/// Returns true if a text is a DNS label, regardless of its length.
pub fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// Suggests the nearest DNS label.
fn suggestion(name: &str, max_length: usize) -> Option<String> {
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
    better.truncate(max_length);
    let better = better.trim_end_matches('-').to_owned();
    (better != name && is_label(&better)).then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_label() {
        for (name, better) in [
            ("stripeKey", Some("stripe-key")),
            ("Cart_Service", Some("cart-service")),
            ("-web-", Some("web")),
            ("é", None),
            ("HTTP", Some("http")),
        ] {
            assert_eq!(suggestion(name, MAX_LABEL).as_deref(), better, "{name}");
        }
        assert_eq!(
            suggestion(&"x".repeat(70), MAX_LABEL).map(|name| name.len()),
            Some(63)
        );
    }

    #[test]
    fn recognises_labels() {
        assert!(is_label("web-1") && is_label("1"));
        assert!(!is_label("") && !is_label("a.b") && !is_label("a-") && !is_label("A"));
    }
}
