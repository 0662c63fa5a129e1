//! Describes CUE types and bounds in plain words: `int & >=0 & <=10000` is "a whole number from 0
//! to 10000".

/// Describes what a type accepts.
pub(super) fn describe(text: &str) -> String {
    let alternatives: Vec<&str> = split(text, '|');
    let parts: Vec<String> = alternatives.iter().map(|one| conjunction(one)).collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// Returns a value for an example, such as `"…"`.
pub(super) fn example(expected: &str) -> String {
    let first = split(expected, '|').first().map_or("", |first| *first);
    match split(first, '&').first().map_or("", |part| *part) {
        "string" => "\"…\"".to_owned(),
        "int" | "number" | "float" | "uint" => number(first),
        "bool" => "true".to_owned(),
        "struct" => "{…}".to_owned(),
        "list" => "[…]".to_owned(),
        text if text.starts_with('"') => text.to_owned(),
        text if text.starts_with("=~") || text.starts_with("!~") => "\"…\"".to_owned(),
        text if text.starts_with(['>', '<']) => number(first),
        _ => "…".to_owned(),
    }
}

/// Returns the smallest number that the bounds allow, or 1.
fn number(text: &str) -> String {
    let parts = split(text, '&');
    let bound = |sign: &str| parts.iter().find_map(|part| part.strip_prefix(sign));
    // The next whole number beyond an exclusive bound.
    let beside = |sign: &str, step: i64| {
        let bound = parts
            .iter()
            .filter(|part| !part.starts_with(&format!("{sign}=")))
            .find_map(|part| part.strip_prefix(sign))?;
        Some((bound.trim().parse::<i64>().ok()?.checked_add(step)?).to_string())
    };
    let least = bound(">=").map(|least| least.trim().to_owned());
    let most = bound("<=").map(|most| most.trim().to_owned());
    match (
        least.or_else(|| beside(">", 1)),
        most.or_else(|| beside("<", -1)),
    ) {
        (Some(least), _) if least == "0" => "1".to_owned(),
        (Some(least), _) => least,
        (None, Some(most)) => most,
        (None, None) => "1".to_owned(),
    }
}

fn conjunction(text: &str) -> String {
    let parts = split(text, '&');
    let is_text = |part: &str| part.starts_with("=~") || part.starts_with("!~");
    let noun = parts.iter().find_map(|part| noun(part));
    let noun = noun.or_else(|| parts.iter().any(|part| is_text(part)).then_some("a string"));
    let mut least = None;
    let mut most = None;
    let mut rest = Vec::new();
    for part in &parts {
        match (part.strip_prefix(">="), part.strip_prefix("<=")) {
            (Some(bound), _) if least.is_none() => least = Some(bound.trim()),
            (_, Some(bound)) if most.is_none() => most = Some(bound.trim()),
            _ if noun.is_some() && self::noun(part).is_some() => {}
            _ => rest.push(bound(part)),
        }
    }
    let range = match (least, most) {
        (Some(least), Some(most)) => Some(format!("from {least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    };
    let mut words: Vec<String> = noun.into_iter().map(str::to_owned).collect();
    let conditions: Vec<String> = range.into_iter().chain(rest).collect();
    if !conditions.is_empty() {
        words.push(conditions.join(" and "));
    }
    words.join(" ")
}

fn noun(part: &str) -> Option<&'static str> {
    Some(match part {
        "int" => "a whole number",
        "uint" => "a non-negative whole number",
        "number" | "float" => "a number",
        "string" => "a string",
        "bytes" => "bytes",
        "bool" => "`true` or `false`",
        "null" => "`null`",
        "struct" => "a struct",
        "list" => "a list",
        _ => return None,
    })
}

fn bound(part: &str) -> String {
    let after = |sign| part.strip_prefix(sign).map(str::trim);
    if let Some(pattern) = after("=~") {
        format!("that matches `{}`", pattern.trim_matches('"'))
    } else if let Some(pattern) = after("!~") {
        format!("that does not match `{}`", pattern.trim_matches('"'))
    } else if let Some(other) = after("!=") {
        format!("other than `{other}`")
    } else if let Some(bound) = after(">") {
        format!("more than {bound}")
    } else if let Some(bound) = after("<") {
        format!("less than {bound}")
    } else if let Some(each) = every(part) {
        format!("a list in which every element is {}", describe(each))
    } else {
        format!("`{part}`")
    }
}

/// Returns the constraint on each element of a list that has no other constraint.
fn every(part: &str) -> Option<&str> {
    let each = part.strip_prefix("[...")?.strip_suffix(']')?;
    (split(each, ',').len() == 1).then_some(each)
}

/// Splits at an operator outside of brackets and strings.
fn split(text: &str, operator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut escaped, mut from) = (0_i32, false, false, 0);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ if c == operator && depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_types_and_bounds() {
        for (text, words) in [
            ("int & >=0 & <=10000", "a whole number from 0 to 10000"),
            (">=2", "at least 2"),
            ("<=5 & >=2", "from 2 to 5"),
            (">1 & int", "a whole number more than 1"),
            ("string | struct", "a string or a struct"),
            ("\"TCP\" | \"UDP\"", "`\"TCP\"` or `\"UDP\"`"),
            ("=~\"^v[0-9|]+\"", "a string that matches `^v[0-9|]+`"),
            ("string & !=\"latest\"", "a string other than `\"latest\"`"),
            ("bool", "`true` or `false`"),
            ("strings.MinRunes(2)", "`strings.MinRunes(2)`"),
            (
                "[...!~\"^secrets$\"]",
                "a list in which every element is a string that does not match `^secrets$`",
            ),
            ("(1 | 2) & int", "a whole number `(1 | 2)`"),
        ] {
            assert_eq!(describe(text), words, "{text}");
        }
    }

    #[test]
    fn example_satisfies_the_constraint() {
        for (expected, value) in [
            ("string", "\"…\""),
            ("int & >=1 & <=65535", "1"),
            (">=2", "2"),
            (">100", "101"),
            ("<10", "9"),
            ("int & >1 & <=5", "2"),
            ("struct", "{…}"),
            ("\"TCP\" | \"UDP\"", "\"TCP\""),
            ("", "…"),
        ] {
            assert_eq!(example(expected), value, "{expected}");
        }
    }
}
