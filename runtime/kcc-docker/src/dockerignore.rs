//! [`Ignore`]: the patterns of a `.dockerignore`. Unlike git's, a pattern is a
//! path from the context's root, `!` re-includes files inside an excluded
//! directory, and the last matching pattern decides.

use globset::{GlobBuilder, GlobMatcher};

/// The patterns, in order.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    rules: Vec<(GlobMatcher, bool)>,
}

impl Ignore {
    /// Parses the patterns; fails with the first invalid line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (pattern, keeps) = match line.strip_prefix('!') {
                Some(pattern) => (pattern.trim(), true),
                None => (line, false),
            };
            let pattern = clean(pattern);
            if pattern.is_empty() {
                continue;
            }
            let glob = GlobBuilder::new(&pattern)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|_| line.to_owned())?;
            rules.push((glob.compile_matcher(), keeps));
        }
        Ok(Self { rules })
    }

    /// Returns true if a path, relative to the root and with `/`, is excluded.
    pub(crate) fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for (glob, keeps) in &self.rules {
            if excluded == *keeps && ancestors(path).any(|path| glob.is_match(path)) {
                excluded = !keeps;
            }
        }
        excluded
    }

    /// Returns true if files inside an excluded directory may be re-included.
    pub(crate) fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|(_, keeps)| *keeps)
    }
}

/// Returns the path and all directories above it.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(parent, _)| parent)
    })
}

/// Removes `.`, `..` and slashes at the ends of a pattern.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &str, excluded: &[&str], included: &[&str]) {
        let ignore = Ignore::parse(rules).unwrap();
        for path in excluded {
            assert!(
                ignore.excludes(path),
                "{path} should be excluded by {rules:?}"
            );
        }
        for path in included {
            assert!(
                !ignore.excludes(path),
                "{path} should be included by {rules:?}"
            );
        }
    }

    #[test]
    fn patterns_are_paths_from_the_root() {
        check(
            "node_modules",
            &["node_modules", "node_modules/a/b"],
            &["web/node_modules"],
        );
        check(
            "**/node_modules",
            &["node_modules", "web/node_modules/x"],
            &["node_modules2"],
        );
        check("*.md", &["README.md"], &["docs/README.md", "README.mdx"]);
        check("/out/\n./tmp/", &["out/a", "tmp"], &["a/out"]);
        check("a/**", &["a/b", "a/b/c"], &["b"]);
        check("temp?", &["temp1"], &["temp", "temp12"]);
    }

    #[test]
    fn the_last_matching_pattern_decides() {
        check(
            "*\n!src\n!Makefile",
            &["a", "docs/x"],
            &["src", "src/deep/file", "Makefile"],
        );
        check("docs\n!docs/keep.md\n", &["docs/a"], &["docs/keep.md"]);
        check("!src\nsrc/*.o", &["src/a.o"], &["src/a.c"]);
    }

    #[test]
    fn skips_comments_and_blank_lines() {
        check("# all\n\n  \n*.log  \n", &["a.log"], &["# all"]);
        assert_eq!(Ignore::parse("a\n[z-a]\n").unwrap_err(), "[z-a]");
    }
}
