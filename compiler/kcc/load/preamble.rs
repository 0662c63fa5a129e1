//! [`Preamble`]: the package clause and imports at the beginning of a CUE file.
//!
//! CUE's own parser runs in the evaluator, but the files of packages must be known
//! before evaluation. This reader is therefore lenient: mistakes in a preamble are
//! reported by the evaluator.

/// The declarations before the fields of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Preamble {
    /// The name in the package clause; `None` if there is none or it is `_`.
    pub(super) package: Option<String>,
    /// The imported paths.
    pub(super) imports: Vec<String>,
}

impl Preamble {
    /// Reads the preamble of a file.
    pub(super) fn of(text: &str) -> Self {
        let mut reader = Reader { rest: text };
        let mut preamble = Self::default();
        loop {
            match reader.token() {
                Some(Token::Identifier("package")) => match reader.token() {
                    Some(Token::Identifier(name)) => preamble.package = Some(name.to_owned()),
                    _ => break,
                },
                Some(Token::Identifier("import")) => reader.imports(&mut preamble.imports),
                Some(Token::Symbol('@')) => reader.attribute(),
                Some(Token::Symbol(',')) => {}
                _ => break,
            }
        }
        if preamble.package.as_deref() == Some("_") {
            preamble.package = None;
        }
        preamble
    }
}

/// The first line of a file that only the plain cue tool and editors read.
pub const FOR_CUE: &str = "@if(!kcc)";

/// Returns true for the text of a file that only the plain cue tool and editors read.
pub fn is_for_cue(text: &str) -> bool {
    let lines = text.lines().map(str::trim);
    let mut code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.next() == Some(FOR_CUE)
}

/// Returns the package of a CUE file.
pub fn package_of(text: &str) -> Option<String> {
    Preamble::of(text).package
}

/// Returns the module path in the text of a `cue.mod/module.cue`.
pub(super) fn module_path(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix("module")?.trim_start();
        let rest = rest.strip_prefix(':')?.trim_start();
        let (path, _) = rest.strip_prefix('"')?.split_once('"')?;
        Some(path.to_owned()).filter(|path| !path.is_empty())
    })
}

enum Token<'a> {
    Identifier(&'a str),
    String(&'a str),
    Symbol(char),
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
            let (text, rest) = split_string(&self.rest[1..]);
            self.rest = rest;
            return Some(Token::String(text));
        }
        let word = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$' | '#'))
            .unwrap_or(self.rest.len());
        let length = if word == 0 { first.len_utf8() } else { word };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(if word == 0 {
            Token::Symbol(first)
        } else {
            Token::Identifier(token)
        })
    }

    /// Reads one import or a parenthesised list; each may have a local name.
    fn imports(&mut self, imports: &mut Vec<String>) {
        let mut many = false;
        while let Some(token) = self.token() {
            match token {
                Token::String(path) => imports.push(path.to_owned()),
                Token::Symbol('(') => {
                    many = true;
                    continue;
                }
                Token::Identifier(_) | Token::Symbol(',' | '.') => continue,
                Token::Symbol(_) => return,
            }
            if !many {
                return;
            }
        }
    }

    /// Skips the rest of an attribute: its name, and its body up to the matching
    /// parenthesis.
    fn attribute(&mut self) {
        self.token();
        if !self.rest.starts_with('(') {
            return;
        }
        let mut depth = 0;
        while let Some(token) = self.token() {
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// Splits after a string literal: returns its content and the remaining text.
fn split_string(rest: &str) -> (&str, &str) {
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
    fn the_preamble_ends_at_the_first_field() {
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
            let preamble = Preamble::of(text);
            assert_eq!(preamble.package.as_deref(), package, "{text}");
            assert_eq!(preamble.imports, imports, "{text}");
        }
    }

    #[test]
    fn reads_the_module_path_at_the_top_level_only() {
        let text = "language: version: \"v0.15.0\"\nmodule: \"acme.com/shop@v0\"\n";
        assert_eq!(module_path(text).as_deref(), Some("acme.com/shop@v0"));
        assert_eq!(module_path("deps: {\n\tmodule: \"x\"\n}\n"), None);
        assert_eq!(module_path("modules: \"x\"\nmodule: \"\"\n"), None);
    }
}
