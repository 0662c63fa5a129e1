//! Path patterns, as used in `owns`, `governs` and `parity: accept`.

/// Returns true if a pattern covers a path. A dotted path covers itself and
/// everything below, `*` matches any single name, and a name that contains a dot
/// is quoted.
pub fn covers(pattern: &str, path: &[String]) -> bool {
    let names = names(pattern);
    !names.is_empty()
        && names.len() <= path.len()
        && names
            .iter()
            .zip(path)
            .all(|(name, actual)| name == "*" || name == actual)
}

/// Splits a dotted path into names; returns none if a name is empty.
pub(crate) fn names(pattern: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    for c in pattern.chars() {
        match (c, names.last_mut()) {
            ('"', _) => quoted = !quoted,
            ('.', _) if !quoted => names.push(String::new()),
            (c, Some(name)) => name.push(c),
            (_, None) => {}
        }
    }
    if names.iter().any(String::is_empty) {
        Vec::new()
    } else {
        names
    }
}

/// Returns the narrowest pattern that covers a path.
pub fn narrowest(path: &[String]) -> String {
    let names = path.iter().map(|name| {
        if name.contains('.') {
            format!("\"{name}\"")
        } else {
            name.clone()
        }
    });
    names.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn covers_itself_and_everything_below() {
        let web = path(&["services", "web", "replicas"]);
        for pattern in [
            "services",
            "services.web",
            "services.*.replicas",
            "services.web.replicas",
        ] {
            assert!(covers(pattern, &web), "{pattern}");
        }
        for pattern in [
            "",
            "services.",
            "service",
            "services.we",
            "services.web.replicas.x",
            "*.cart",
        ] {
            assert!(!covers(pattern, &web), "{pattern}");
        }
    }

    #[test]
    fn quotes_names_with_dots() {
        assert!(covers(
            "services.web.labels.\"a.b\"",
            &path(&["services", "web", "labels", "a.b"])
        ));
        assert!(covers(
            "secrets.\"stripe-key\"",
            &path(&["secrets", "stripe-key"])
        ));
    }
}
