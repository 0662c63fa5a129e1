//! [`Pattern`]: a file pattern of CODEOWNERS.

/// A pattern with GitHub's semantics: those of `.gitignore` without `!`, `[…]` and
/// `\#`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The path elements; `**` matches any number of them.
    names: Vec<String>,
    /// True if the pattern matches directories only, with everything below them.
    directory_only: bool,
}

impl Pattern {
    /// Parses a pattern; `None` if GitHub does not support it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('!') || text.contains(['[', ']']) || text.starts_with("\\#") {
            return None;
        }
        let directory_only = text.ends_with('/');
        let plain = text.trim_end_matches('/');
        let anchored = plain.contains('/');
        let mut names: Vec<String> = plain
            .trim_start_matches('/')
            .split('/')
            .map(|name| name.replace('\\', ""))
            .collect();
        if plain.is_empty() {
            names = vec!["**".to_owned()];
        } else if !anchored {
            names.insert(0, "**".to_owned());
        }
        Some(Self {
            names,
            directory_only,
        })
    }

    /// Returns true if the pattern matches a file or one of its parent directories.
    pub(super) fn matches(&self, file: &str) -> bool {
        let path: Vec<&str> = file.split('/').collect();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        // `docs/*` matches only the direct children of the directory.
        let direct =
            !self.directory_only && names.len() > 1 && names.ends_with(&["*"]) && names[0] != "**";
        (1..=path.len()).any(|length| {
            let whole = length == path.len();
            (whole || !direct)
                && !(whole && self.directory_only)
                && matches_path(&names, &path[..length])
        })
    }
}

/// Returns true if a pattern matches a whole path.
fn matches_path(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**"], _) => !path.is_empty(),
        (["**", rest @ ..], _) => {
            (0..=path.len()).any(|skipped| matches_path(rest, &path[skipped..]))
        }
        ([first, rest @ ..], [name, below @ ..]) => {
            matches_element(first.as_bytes(), name.as_bytes()) && matches_path(rest, below)
        }
        _ => false,
    }
}

/// Returns true if a pattern matches one path element; `*` matches any number of
/// bytes and `?` one.
fn matches_element(pattern: &[u8], name: &[u8]) -> bool {
    // Position of the last `*`, and the end of what it matches so far.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, end)) => {
                    star = Some((at, end + 1));
                    (p, n) = (at + 1, end + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_github_does() {
        for (pattern, file, matches) in [
            ("*", "a/b.cue", true),
            ("*.cue", "a/b.cue", true),
            ("*.cue", "a/b.md", false),
            ("/*.cue", "a/b.cue", false),
            ("/*.cue", "b.cue", true),
            ("teams", "x/teams/a.cue", true),
            ("/teams", "x/teams/a.cue", false),
            ("/teams/", "teams/pay/a.cue", true),
            ("teams/pay", "teams/pay/deep/a.cue", true),
            ("teams/pay", "x/teams/pay/a.cue", false),
            ("teams/pay/", "teams/pay", false),
            ("pay/", "teams/pay/a.cue", true),
            ("docs/*", "docs/a.md", true),
            ("docs/*", "docs/deep/a.md", false),
            ("docs/**", "docs/deep/a.md", true),
            ("docs/*/", "docs/deep/deeper/a.md", true),
            ("docs/*/", "docs/a.md", false),
            ("**/pay", "a/b/pay/c.cue", true),
            ("/a/**/c", "a/c", true),
            ("/a/**/c", "a/b/b/c/d", true),
            ("/a/**/c", "a/b/d", false),
            ("/te?ms/*-pay/", "teams/x-pay/a.cue", true),
            ("/te?ms/*-pay/", "teams/x-pays/a.cue", false),
            ("/", "a/b.cue", true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(file), matches, "{pattern} and {file}");
        }
    }

    #[test]
    fn rejects_patterns_that_github_does_not_support() {
        for pattern in ["!a", "a[bc]", "\\#a"] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
    }
}
