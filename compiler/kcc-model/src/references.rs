//! `$(NAME)` references in commands, arguments and outputs of backings.
//!
//! `$(NAME)` is the only reference; `$$(NAME)` is the literal text `$(NAME)`, and
//! any other `$` is a plain `$`. Engines escape differently, so lowering splits a
//! text with [`split_references`] and writes it again in the engine's own syntax.

/// A piece of a text that may contain references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// A reference: the name between `$(` and `)`.
    Reference(&'a str),
}

/// Splits a text at its references; an unclosed `$(` is literal text.
pub fn split_references(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((at, end)) = next(rest) {
        let reference = &rest[at..=end];
        match rest[..at].strip_suffix('$') {
            Some(before) => pieces.extend([Piece::Text(before), Piece::Text(reference)]),
            None => pieces.extend([
                Piece::Text(&rest[..at]),
                Piece::Reference(&reference[2..reference.len() - 1]),
            ]),
        }
        rest = &rest[end + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Escapes a text so that [`split_references`] reads it as literal text.
pub fn escape_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, end)) = next(rest) {
        out.push_str(&rest[..at]);
        out.push('$');
        out.push_str(&rest[at..=end]);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Returns the start of the next `$(NAME)` and the position of its `)`.
fn next(text: &str) -> Option<(usize, usize)> {
    let at = text.find("$(")?;
    let end = text[at..].find(')')?;
    Some((at, at + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let pieces = split_references(text).into_iter();
        let show = |piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Reference(name) => format!("<{name}>"),
        };
        pieces.map(show).collect()
    }

    #[test]
    fn only_dollar_parentheses_are_references() {
        for (text, expected) in [
            ("a$(B)c", "a<B>c"),
            ("$(A)$(B)", "<A><B>"),
            ("$$(B)", "$(B)"),
            ("$$$(B)", "$$(B)"),
            ("echo $$ 'a$$b'", "echo $$ 'a$$b'"),
            ("$(B", "$(B"),
            ("$$(B", "$$(B"),
            ("5$", "5$"),
            ("$HOME ${HOME}", "$HOME ${HOME}"),
            ("ä$(Ü)$()", "ä<Ü><>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn escaped_text_is_literal() {
        for text in [
            "",
            "$",
            "$$",
            "$(B)",
            "$$(B)",
            "a$(B",
            "$(A)$$(B)$",
            "$)(",
            "$$$(x)",
        ] {
            assert_eq!(shown(&escape_references(text)), text, "{text}");
        }
    }
}
