//! [`Head`]: the package clause and the imports at the beginning of a file.
//!
//! Read here and not by CUE's own parser because the files of packages have to
//! be there before anything is evaluated. What is wrong with a head is said
//! when it is evaluated.

/// What stands before the fields of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The name in the package clause; none without one, or where it is `_`.
    pub(super) package: Option<String>,
    /// The paths that are imported.
    pub(super) imports: Vec<String>,
}

impl Head {
    /// Reads the head of a file.
    pub(super) fn of(text: &str) -> Self {
        let mut reader = Reader { rest: text };
        let mut head = Self::default();
        loop {
            match reader.token() {
                Some(Token::Word("package")) => match reader.token() {
                    Some(Token::Word(name)) => head.package = Some(name.to_owned()),
                    _ => break,
                },
                Some(Token::Word("import")) => reader.imports(&mut head.imports),
                Some(Token::Mark('@')) => reader.attribute(),
                Some(Token::Mark(',')) => {}
                _ => break,
            }
        }
        if head.package.as_deref() == Some("_") {
            head.package = None;
        }
        head
    }
}

/// The path of a module as `cue.mod/module.cue` says it; none if it does not.
pub(super) fn module_path(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix("module")?.trim_start();
        let rest = rest.strip_prefix(':')?.trim_start();
        let (path, _) = rest.strip_prefix('"')?.split_once('"')?;
        Some(path.to_owned()).filter(|path| !path.is_empty())
    })
}

enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Mark(char),
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn token(&mut self) -> Option<Token<'a>> {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix("//") {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        let first = self.rest.chars().next()?;
        if first == '"' {
            let (text, rest) = text(&self.rest[1..]);
            self.rest = rest;
            return Some(Token::Text(text));
        }
        let word = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$' | '#'))
            .unwrap_or(self.rest.len());
        let length = if word == 0 { first.len_utf8() } else { word };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(if word == 0 {
            Token::Mark(first)
        } else {
            Token::Word(token)
        })
    }

    /// One import, or those between brackets; each may have a name in front.
    fn imports(&mut self, found: &mut Vec<String>) {
        let mut many = false;
        while let Some(token) = self.token() {
            match token {
                Token::Text(path) => found.push(path.to_owned()),
                Token::Mark('(') => {
                    many = true;
                    continue;
                }
                Token::Word(_) | Token::Mark(',' | '.') => continue,
                Token::Mark(_) => return,
            }
            if !many {
                return;
            }
        }
    }

    /// The rest of an attribute: its name, and its body up to the bracket that
    /// closes it.
    fn attribute(&mut self) {
        self.token();
        if !self.rest.starts_with('(') {
            return;
        }
        let mut depth = 0;
        while let Some(token) = self.token() {
            match token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// A text up to its quote, and what follows.
fn text(rest: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return (&rest[..at], &rest[at + 1..]),
            '\n' => return (&rest[..at], &rest[at..]),
            _ => {}
        }
    }
    (rest, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_where_the_fields_begin() {
        for (text, package, imports) in [
            ("", None, &[][..]),
            (
                "// about\n\n@extern(\"a)\", x=(1))\npackage shop // here\n\nimport \"strings\"\nimport b \"a.b/c\"\n",
                Some("shop"),
                &["strings", "a.b/c"][..],
            ),
            (
                "package shop\nimport (\n\t\"a.b/c\" // one\n\tx \"a.b/d:e\",\n\n\t// two\n\t\"list\"\n)\nimport \"y.z\"\na: import: \"no\"\n",
                Some("shop"),
                &["a.b/c", "a.b/d:e", "list", "y.z"][..],
            ),
            ("package _\na: 1\n", None, &[][..]),
            ("import: \"x\"\n", None, &[][..]),
            (
                "package shop, import \"a.b\", import \"c.d\n",
                Some("shop"),
                &["a.b", "c.d"][..],
            ),
            ("import (\"a\\\"b\"", None, &["a\\\"b"][..]),
        ] {
            let head = Head::of(text);
            assert_eq!(head.package.as_deref(), package, "{text}");
            assert_eq!(head.imports, imports, "{text}");
        }
    }

    #[test]
    fn a_module_is_named_at_the_root_of_its_file() {
        let text = "language: version: \"v0.15.0\"\nmodule: \"acme.com/shop@v0\"\n";
        assert_eq!(module_path(text).as_deref(), Some("acme.com/shop@v0"));
        assert_eq!(module_path("deps: {\n\tmodule: \"x\"\n}\n"), None);
        assert_eq!(module_path("modules: \"x\"\nmodule: \"\"\n"), None);
    }
}
