//! Expands or escapes `$(NAME)` in commands and arguments for each engine.
//!
//! Everything but `$(NAME)` of a known variable has to reach the process unchanged.
//! Docker expands nothing, so [`expand`] does. Kubernetes expands `$(NAME)`, leaves
//! unknown names alone and reads `$$` as `$`; [`escape_for_kubernetes`] escapes a text
//! accordingly.

use kcc_model::{Piece, split_references};

/// The meaning of a name in `$(NAME)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variable<'a> {
    /// A variable with a known value.
    Text(&'a str),
    /// A variable with a secret value.
    Secret,
    /// Not a variable.
    Unknown,
}

/// Replaces the variables in a text; fails with the name of a secret one.
pub(crate) fn expand<'t, 'v>(
    text: &'t str,
    variable: impl Fn(&str) -> Variable<'v>,
) -> Result<String, &'t str> {
    let mut out = String::with_capacity(text.len());
    for piece in split_references(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Reference(name) => match variable(name) {
                Variable::Text(value) => out.push_str(value),
                Variable::Secret => return Err(name),
                Variable::Unknown => out.extend(["$(", name, ")"]),
            },
        }
    }
    Ok(out)
}

/// Escapes a text so that Kubernetes expands only its references.
pub(crate) fn escape_for_kubernetes(text: &str) -> String {
    let pieces = split_references(text);
    let mut out = String::with_capacity(text.len());
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Reference(name) => out.extend(["$(", name, ")"]),
            Piece::Text(text) => {
                let rest = pieces[at + 1..].first();
                let after = rest.and_then(|piece| match piece {
                    Piece::Text(text) => text.chars().next(),
                    Piece::Reference(_) => Some('$'),
                });
                escape_into(&mut out, text, after);
            }
        }
    }
    out
}

/// Escapes the whole value of a variable so that Kubernetes leaves it unchanged.
pub(crate) fn escape_whole(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text, None);
    out
}

/// Escapes a text so that Kubernetes leaves it unchanged whatever follows it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// Doubles each `$` that Kubernetes would read as an escape or a reference.
fn escape_into(out: &mut String, text: &str, after: Option<char>) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().or(after);
        if c == '$' && matches!(next, Some('$' | '(')) {
            out.push('$');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(name: &str) -> Variable<'static> {
        match name {
            "CART_URL" => Variable::Text("http://cart:8080"),
            "EMPTY" => Variable::Text(""),
            "NESTED" => Variable::Text("$(CART_URL)"),
            "PASSWORD" => Variable::Secret,
            _ => Variable::Unknown,
        }
    }

    /// A port of Kubernetes' `third_party/forked/golang/expansion`.
    fn kubernetes(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((name, after)) = after
                .strip_prefix('(')
                .and_then(|inner| inner.split_once(')'))
            {
                match shop(name) {
                    Variable::Text(value) => out.push_str(value),
                    _ => out.extend(["$(", name, ")"]),
                }
                rest = after;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out + rest
    }

    #[test]
    fn both_engines_pass_on_the_declared_text() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$(CART_URL)", "http://cart:8080"),
            ("a$(CART_URL)b$(EMPTY)c", "ahttp://cart:8080bc"),
            ("$(NESTED)", "$(CART_URL)"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(CART_URL)", "$(CART_URL)"),
            ("$$$(CART_URL)", "$$(CART_URL)"),
            ("echo $$ 'a$$b'", "echo $$ 'a$$b'"),
            ("$$", "$$"),
            ("$$$", "$$$"),
            ("$$$(EMPTY", "$$$(EMPTY"),
            ("$CART_URL", "$CART_URL"),
            ("${CART_URL}", "${CART_URL}"),
            ("$(CART_URL", "$(CART_URL"),
            ("100$", "100$"),
            ("ä$(EMPTY)ö", "äö"),
        ] {
            assert_eq!(expand(text, shop).as_deref(), Ok(expected), "{text}");
            assert_eq!(kubernetes(&escape_for_kubernetes(text)), expected, "{text}");
        }
    }

    #[test]
    fn returns_the_name_of_a_secret_instead_of_expanding_it() {
        assert_eq!(expand("--password=$(PASSWORD)", shop), Err("PASSWORD"));
        assert_eq!(expand("$$(PASSWORD)", shop).as_deref(), Ok("$(PASSWORD)"));
    }

    #[test]
    fn kubernetes_leaves_escaped_text_unchanged() {
        for text in [
            "",
            "a",
            "$",
            "$$",
            "$(CART_URL)",
            "$$(CART_URL)",
            "$x",
            "a$",
            "$($",
            "$)(",
        ] {
            assert_eq!(kubernetes(&escape(text)), text);
            assert_eq!(kubernetes(&escape_whole(text)), text);
            assert_eq!(kubernetes(&(escape(text) + "$(EMPTY)")), text);
        }
        assert_eq!(escape_whole("price $5"), "price $5");
    }
}
