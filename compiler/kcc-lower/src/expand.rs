//! `$(NAME)` in commands and arguments, as each engine takes it.
//!
//! What a fragment writes arrives, but for `$(NAME)` of a variable. Docker replaces
//! nothing: [`expand`] does. Kubernetes replaces `$(NAME)`, leaves an unknown one as
//! it stands, and reads `$$` as one `$`: [`for_kubernetes`] writes a text so that it
//! comes out as it was written.

use kcc_model::{Piece, references};

/// What a name in `$(NAME)` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variable<'a> {
    /// A text.
    Text(&'a str),
    /// Something that only the engine may know.
    Secret,
    /// Nothing.
    Unknown,
}

/// The text with its variables replaced, or the name of one that is secret.
pub(crate) fn expand<'t, 'v>(
    text: &'t str,
    variable: impl Fn(&str) -> Variable<'v>,
) -> Result<String, &'t str> {
    let mut out = String::with_capacity(text.len());
    for piece in references(text) {
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

/// The text as Kubernetes has to be given it.
pub(crate) fn for_kubernetes(text: &str) -> String {
    let pieces = references(text);
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

/// The text of a whole value of a variable, written so that Kubernetes gives it
/// back.
pub(crate) fn escape_whole(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text, None);
    out
}

/// The text written so that Kubernetes gives it back whatever stands after it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// Doubles each `$` that Kubernetes would read as the head of something.
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

    /// What Kubernetes makes of a text, as its `third_party/forked/golang/expansion`
    /// does.
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
    fn both_engines_give_what_is_written() {
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
            assert_eq!(kubernetes(&for_kubernetes(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_is_named_instead_of_replaced() {
        assert_eq!(expand("--password=$(PASSWORD)", shop), Err("PASSWORD"));
        assert_eq!(expand("$$(PASSWORD)", shop).as_deref(), Ok("$(PASSWORD)"));
    }

    #[test]
    fn escaped_text_means_itself_to_kubernetes() {
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
