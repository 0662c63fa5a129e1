//! Describes types and bounds in plain words: a whole number from 0 to 10000.

use crate::wire::{Alternative, Bound, Type};

/// Describes the values that one of the alternatives accepts.
pub(super) fn describe(expected: &[Alternative]) -> String {
    let parts: Vec<String> = expected.iter().map(|bounds| together(bounds)).collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// Returns the type that the first alternative begins with.
pub(super) fn first_type(expected: &[Alternative]) -> Option<Type> {
    match expected.first()?.first()? {
        Bound::OfType { kind } => Some(*kind),
        _ => None,
    }
}

/// Returns a value for an example, such as `"…"`.
pub(super) fn example(expected: &[Alternative]) -> String {
    let bounds = expected.first().map_or(&[][..], Vec::as_slice);
    match bounds.first() {
        Some(Bound::OfType { kind }) => match kind {
            Type::String => "\"…\"".to_owned(),
            Type::Int | Type::Number | Type::Float | Type::Uint => number(bounds),
            Type::Bool => "true".to_owned(),
            Type::Struct => "{…}".to_owned(),
            Type::List => "[…]".to_owned(),
            Type::Bytes | Type::Null | Type::Other => "…".to_owned(),
        },
        Some(Bound::Literal { source }) => source.clone(),
        Some(Bound::Matching { .. } | Bound::NotMatching { .. }) => "\"…\"".to_owned(),
        Some(
            Bound::AtLeast { .. }
            | Bound::AtMost { .. }
            | Bound::MoreThan { .. }
            | Bound::LessThan { .. },
        ) => number(bounds),
        Some(Bound::Unlike { .. } | Bound::Elements { .. } | Bound::Other { .. }) | None => {
            "…".to_owned()
        }
    }
}

/// Returns the smallest number that the bounds allow, or 1.
fn number(bounds: &[Bound]) -> String {
    // The next whole number beyond an exclusive bound.
    let beyond = |limit: &str, step: i64| {
        let next = limit.parse::<i64>().ok()?.checked_add(step)?;
        Some(next.to_string())
    };
    let find = |limit: fn(&Bound) -> Option<&str>| bounds.iter().find_map(limit);
    let least = find(|bound| match bound {
        Bound::AtLeast { limit } => Some(limit),
        _ => None,
    });
    let most = find(|bound| match bound {
        Bound::AtMost { limit } => Some(limit),
        _ => None,
    });
    let above = find(|bound| match bound {
        Bound::MoreThan { limit } => Some(limit),
        _ => None,
    });
    let below = find(|bound| match bound {
        Bound::LessThan { limit } => Some(limit),
        _ => None,
    });
    let least = least.map(str::to_owned).or_else(|| beyond(above?, 1));
    let most = most.map(str::to_owned).or_else(|| beyond(below?, -1));
    match (least, most) {
        (Some(least), _) if least == "0" => "1".to_owned(),
        (Some(least), _) => least,
        (None, Some(most)) => most,
        (None, None) => "1".to_owned(),
    }
}

/// Describes bounds that hold together: the type first, then the range, then everything else.
fn together(bounds: &[Bound]) -> String {
    let noun = bounds.iter().find_map(noun).or_else(|| {
        let mut bounds = bounds.iter();
        let text = |bound| matches!(bound, &Bound::Matching { .. } | &Bound::NotMatching { .. });
        bounds.any(text).then_some("a string")
    });
    let (mut least, mut most, mut rest) = (None, None, Vec::new());
    for bound in bounds {
        match bound {
            Bound::AtLeast { limit } if least.is_none() => least = Some(limit),
            Bound::AtMost { limit } if most.is_none() => most = Some(limit),
            // There is one noun, and the types of CUE that have none are not shown.
            Bound::OfType { .. } => {}
            _ => rest.push(condition(bound)),
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

fn noun(bound: &Bound) -> Option<&'static str> {
    let Bound::OfType { kind } = bound else {
        return None;
    };
    Some(match kind {
        Type::Int => "a whole number",
        Type::Uint => "a non-negative whole number",
        Type::Number | Type::Float => "a number",
        Type::String => "a string",
        Type::Bytes => "bytes",
        Type::Bool => "`true` or `false`",
        Type::Null => "`null`",
        Type::Struct => "a struct",
        Type::List => "a list",
        Type::Other => return None,
    })
}

fn condition(bound: &Bound) -> String {
    match bound {
        Bound::OfType { .. } => noun(bound).unwrap_or_default().to_owned(),
        Bound::AtLeast { limit } => format!("at least {limit}"),
        Bound::AtMost { limit } => format!("at most {limit}"),
        Bound::MoreThan { limit } => format!("more than {limit}"),
        Bound::LessThan { limit } => format!("less than {limit}"),
        Bound::Unlike { value } => format!("other than `{value}`"),
        Bound::Matching { pattern } => format!("that matches `{pattern}`"),
        Bound::NotMatching { pattern } => format!("that does not match `{pattern}`"),
        Bound::Elements { each } => {
            format!("a list in which every element is {}", describe(each))
        }
        Bound::Literal { source } | Bound::Other { source } => format!("`{source}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_type(kind: Type) -> Bound {
        Bound::OfType { kind }
    }

    fn at_least(limit: &str) -> Bound {
        let limit = limit.to_owned();
        Bound::AtLeast { limit }
    }

    fn at_most(limit: &str) -> Bound {
        let limit = limit.to_owned();
        Bound::AtMost { limit }
    }

    fn more_than(limit: &str) -> Bound {
        let limit = limit.to_owned();
        Bound::MoreThan { limit }
    }

    fn less_than(limit: &str) -> Bound {
        let limit = limit.to_owned();
        Bound::LessThan { limit }
    }

    fn literal(text: &str) -> Bound {
        Bound::Literal {
            source: format!("{text:?}"),
        }
    }

    fn other(source: &str) -> Bound {
        let source = source.to_owned();
        Bound::Other { source }
    }

    #[test]
    fn describes_types_and_bounds() {
        let int = || of_type(Type::Int);
        let matching = Bound::Matching {
            pattern: "^v[0-9|]+".to_owned(),
        };
        let unlike = Bound::Unlike {
            value: "\"latest\"".to_owned(),
        };
        let not_matching = Bound::NotMatching {
            pattern: "^secrets$".to_owned(),
        };
        let elements = Bound::Elements {
            each: vec![vec![not_matching]],
        };
        for (expected, words) in [
            (
                vec![vec![int(), at_least("0"), at_most("10000")]],
                "a whole number from 0 to 10000",
            ),
            (vec![vec![at_least("2")]], "at least 2"),
            (vec![vec![at_most("5"), at_least("2")]], "from 2 to 5"),
            (
                vec![vec![at_least("2"), at_least("3")]],
                "at least 2 and at least 3",
            ),
            (
                vec![vec![more_than("1"), int()]],
                "a whole number more than 1",
            ),
            (
                vec![vec![of_type(Type::String)], vec![of_type(Type::Struct)]],
                "a string or a struct",
            ),
            (
                vec![vec![literal("TCP")], vec![literal("UDP")]],
                "`\"TCP\"` or `\"UDP\"`",
            ),
            (vec![vec![matching]], "a string that matches `^v[0-9|]+`"),
            (
                vec![vec![of_type(Type::String), unlike]],
                "a string other than `\"latest\"`",
            ),
            (vec![vec![of_type(Type::Bool)]], "`true` or `false`"),
            (
                vec![vec![other("strings.MinRunes(2)")]],
                "`strings.MinRunes(2)`",
            ),
            (
                vec![vec![elements]],
                "a list in which every element is a string that does not match `^secrets$`",
            ),
            (
                vec![vec![other("(1 | 2)"), int()]],
                "a whole number `(1 | 2)`",
            ),
            (vec![], ""),
        ] {
            assert_eq!(describe(&expected), words, "{expected:?}");
        }
    }

    #[test]
    fn example_satisfies_the_constraint() {
        let int = || of_type(Type::Int);
        for (expected, value) in [
            (vec![vec![of_type(Type::String)]], "\"…\""),
            (vec![vec![int(), at_least("1"), at_most("65535")]], "1"),
            (vec![vec![at_least("2")]], "2"),
            (vec![vec![more_than("100")]], "101"),
            (vec![vec![less_than("10")]], "9"),
            (vec![vec![int(), more_than("1"), at_most("5")]], "2"),
            (vec![vec![of_type(Type::Struct)]], "{…}"),
            (vec![vec![literal("TCP")], vec![literal("UDP")]], "\"TCP\""),
            (vec![], "…"),
        ] {
            assert_eq!(example(&expected), value, "{expected:?}");
        }
    }
}
