//! [`Pattern`]: which files a line of CODEOWNERS is about.

/// A pattern as GitHub reads it: that of a `.gitignore` without `!`, `[…]` and
/// `\#`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Its names; `**` is any number of them.
    names: Vec<String>,
    /// Whether it is about what is in a folder alone.
    folder: bool,
}

impl Pattern {
    /// Reads a pattern; none where GitHub takes none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('!') || text.contains(['[', ']']) || text.starts_with("\\#") {
            return None;
        }
        let folder = text.ends_with('/');
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
        Some(Self { names, folder })
    }

    /// Whether it is about a file: that one, or a folder around it.
    pub(super) fn matches(&self, file: &str) -> bool {
        let path: Vec<&str> = file.split('/').collect();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        // `docs/*` is about what is directly in the folder.
        let direct = !self.folder && names.len() > 1 && names.ends_with(&["*"]) && names[0] != "**";
        (1..=path.len()).any(|length| {
            let whole = length == path.len();
            (whole || !direct) && !(whole && self.folder) && all(&names, &path[..length])
        })
    }
}

/// Whether names are those of a pattern, all of them.
fn all(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**"], _) => !path.is_empty(),
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| all(rest, &path[skipped..])),
        ([first, rest @ ..], [name, below @ ..]) => {
            one(first.as_bytes(), name.as_bytes()) && all(rest, below)
        }
        _ => false,
    }
}

/// Whether one name matches, with `*` for any part of it and `?` for one byte.
fn one(pattern: &[u8], name: &[u8]) -> bool {
    // The last `*`, and where in the name it ends so far.
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
    fn patterns_mean_what_they_mean_to_github() {
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
    fn what_github_does_not_take_is_none() {
        for pattern in ["!a", "a[bc]", "\\#a"] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
    }
}
