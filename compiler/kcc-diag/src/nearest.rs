//! Names in messages and helps: [`nearest`] suggests the correction of a typo,
//! [`listed`] enumerates known names, [`field_label`] quotes a name as CUE needs it.

/// Returns the known name closest to `name`, ignoring case, if it is close enough
/// to be a typo.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let length = name.chars().count();
    let most = (length / 3).max(1);
    known
        .into_iter()
        .filter(|other| *other != name)
        .map(|other| {
            (
                strsim::damerau_levenshtein(&lower, &other.to_lowercase()),
                other,
            )
        })
        .filter(|(distance, other)| {
            // Short names: if half of the name differs, it is another name.
            *distance <= most && distance * 2 <= length.max(other.chars().count())
        })
        .min()
        .map(|(_, other)| other)
}

/// The number of names up to which all are listed.
const LISTED: usize = 12;

/// Joins names for a help, and cuts long lists: "`a`", "`a` and `b`", "`a`, `b`
/// and 4 more".
pub fn listed(names: &[impl AsRef<str>]) -> String {
    let shown = if names.len() > LISTED {
        LISTED
    } else {
        names.len().saturating_sub(1)
    };
    let (first, rest) = names.split_at(shown);
    let first: Vec<String> = first
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    let first = first.join(", ");
    match rest {
        [] => first,
        [last] if first.is_empty() => format!("`{}`", last.as_ref()),
        [last] if names.len() <= LISTED => format!("{first} and `{}`", last.as_ref()),
        _ => format!("{first} and {} more", rest.len()),
    }
}

/// Formats a name as a CUE field label, quoted if CUE requires it.
pub fn field_label(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty()
        && name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '_')
    {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::{field_label, listed, nearest};

    #[test]
    fn quotes_labels_where_cue_requires_it() {
        for (name, label) in [
            ("web", "web"),
            ("node-agent", "\"node-agent\""),
            ("_x", "\"_x\""),
            ("2fast", "\"2fast\""),
            ("", "\"\""),
        ] {
            assert_eq!(field_label(name), label);
        }
    }

    #[test]
    fn lists_the_first_of_many_names() {
        let names: Vec<String> = (1..=14).map(|at| at.to_string()).collect();
        assert_eq!(listed(&names[..0]), "");
        assert_eq!(listed(&names[..1]), "`1`");
        assert_eq!(listed(&names[..3]), "`1`, `2` and `3`");
        assert!(listed(&names[..12]).ends_with("`11` and `12`"));
        assert!(listed(&names[..13]).ends_with("`12` and 1 more"));
        assert!(listed(&names).ends_with("`12` and 2 more"));
    }

    #[test]
    fn corrects_only_typos() {
        let known = ["cart", "checkout", "storefront", "web"];
        assert_eq!(nearest("crat", known), Some("cart"));
        assert_eq!(nearest("chekout", known), Some("checkout"));
        assert_eq!(nearest("storfront", known), Some("storefront"));
        assert_eq!(nearest("wbe", known), Some("web"));
        for other in ["payments", "billing", "db", ""] {
            assert_eq!(nearest(other, known), None, "{other}");
        }
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("udp", ["TCP", "UDP"]), Some("UDP"));
    }
}
