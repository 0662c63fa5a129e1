//! `$(NAME)` in commands and arguments, and its escape.
//!
//! Kubernetes replaces `$(NAME)` by the variable of that name, leaves an
//! unknown one as it stands, and reads `$$` as one `$`. [`expand`] does the same
//! for engines that do not; [`escape`] writes a text that must mean itself.

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
            match variable(name) {
                Variable::Text(value) => out.push_str(value),
                Variable::Secret => return Err(name),
                Variable::Unknown => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The text written so that [`expand`] gives it back whatever stands after it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// The text of a whole value, written so that [`expand`] gives it back: escaped
/// only where it would be read as something else.
pub(crate) fn escape_whole(text: &str) -> String {
    if text.contains("$$") || text.contains("$(") {
        escape(text)
    } else {
        text.to_owned()
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

    #[test]
    fn variables_are_replaced_as_kubernetes_does() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$(CART_URL)", "http://cart:8080"),
            ("a$(CART_URL)b$(EMPTY)c", "ahttp://cart:8080bc"),
            ("$(NESTED)", "$(CART_URL)"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(CART_URL)", "$(CART_URL)"),
            ("$$$(CART_URL)", "$http://cart:8080"),
            ("$$$$(CART_URL)", "$$(CART_URL)"),
            ("$CART_URL", "$CART_URL"),
            ("${CART_URL}", "${CART_URL}"),
            ("$(CART_URL", "$(CART_URL"),
            ("100$", "100$"),
            ("ä$(EMPTY)ö", "äö"),
        ] {
            assert_eq!(expand(text, shop).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_secret_is_named_instead_of_replaced() {
        assert_eq!(expand("--password=$(PASSWORD)", shop), Err("PASSWORD"));
        assert_eq!(expand("$$(PASSWORD)", shop).as_deref(), Ok("$(PASSWORD)"));
    }

    #[test]
    fn escaped_text_means_itself() {
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
            assert_eq!(expand(&escape(text), shop).as_deref(), Ok(text));
            assert_eq!(expand(&escape_whole(text), shop).as_deref(), Ok(text));
            let followed = format!("{}$(EMPTY)", escape(text));
            assert_eq!(expand(&followed, shop).as_deref(), Ok(text));
        }
        assert_eq!(escape_whole("price $5"), "price $5");
    }
}
