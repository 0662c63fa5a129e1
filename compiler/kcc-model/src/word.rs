//! `$(NAME)` in a text: the words of a command, and the outputs of backings.
//!
//! Only `$(NAME)` stands for something; `$$(NAME)` is the text `$(NAME)`, and any
//! other `$` is a `$`. Engines have rules of their own, so that a lowering reads a
//! text with [`references`] and writes it as its engine reads it.

/// A piece of a text with `$(NAME)` in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that means itself.
    Text(&'a str),
    /// The name between `$(` and `)`.
    Reference(&'a str),
}

/// Splits a text at its `$(NAME)`; what is not closed is text.
pub fn references(text: &str) -> Vec<Piece<'_>> {
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

/// Returns a text that [`references`] reads as nothing but the text itself.
pub fn escape(text: &str) -> String {
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

/// Where the next `$(NAME)` begins and where its `)` is.
fn next(text: &str) -> Option<(usize, usize)> {
    let at = text.find("$(")?;
    let end = text[at..].find(')')?;
    Some((at, at + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let pieces = references(text).into_iter();
        let show = |piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Reference(name) => format!("<{name}>"),
        };
        pieces.map(show).collect()
    }

    #[test]
    fn nothing_but_a_reference_stands_for_something() {
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
    fn an_escaped_text_means_itself() {
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
            assert_eq!(shown(&escape(text)), text, "{text}");
        }
    }
}
