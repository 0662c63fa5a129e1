//! Outputs of backings: text in which `$(name)` stands for another output.
//!
//! An output that contains a secret becomes a template of text and secrets, so
//! that the secret's value is never part of the model.

use std::collections::BTreeMap;

use crate::{EnvValue, Output, Part};

/// Why an output has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoOutput {
    /// There is none of that name.
    Unknown(String),
    /// It contains itself.
    Circular(String),
}

/// The value of an output, every reference to another one resolved.
pub(crate) fn resolve(
    outputs: &BTreeMap<String, Output>,
    name: &str,
) -> Result<EnvValue, NoOutput> {
    let mut parts = Vec::new();
    collect(outputs, name, &mut Vec::new(), &mut parts)?;
    Ok(match &mut parts[..] {
        [] => EnvValue::Literal(String::new()),
        [Part::Text(text)] => EnvValue::Literal(std::mem::take(text)),
        [Part::Secret(secret)] => EnvValue::Secret(std::mem::take(secret)),
        _ => EnvValue::Template(parts),
    })
}

fn collect(
    outputs: &BTreeMap<String, Output>,
    name: &str,
    open: &mut Vec<String>,
    parts: &mut Vec<Part>,
) -> Result<(), NoOutput> {
    if open.iter().any(|other| other == name) {
        return Err(NoOutput::Circular(name.to_owned()));
    }
    let text = match outputs.get(name) {
        None => return Err(NoOutput::Unknown(name.to_owned())),
        Some(Output::Secret(secret)) => {
            parts.push(Part::Secret(secret.clone()));
            return Ok(());
        }
        Some(Output::Text(text)) => text,
    };
    open.push(name.to_owned());
    for piece in references(text) {
        match piece {
            Piece::Text(text) => add_text(parts, text),
            Piece::Reference(other) => collect(outputs, other, open, parts)?,
        }
    }
    open.pop();
    Ok(())
}

fn add_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// A piece of a text with `$(name)` in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text as it is; `$$` has become `$`.
    Text(&'a str),
    /// The name between `$(` and `)`.
    Reference(&'a str),
}

/// Splits a text at its `$(name)`, as Kubernetes does: `$$` stands for `$`, and
/// what is not closed is text.
pub(crate) fn references(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        if let Some(escaped) = after.strip_prefix('$') {
            pieces.push(Piece::Text(&rest[..=at]));
            rest = escaped;
        } else if let Some(end) = after.strip_prefix('(').and_then(|inside| inside.find(')')) {
            pieces.push(Piece::Text(&rest[..at]));
            pieces.push(Piece::Reference(&after[1..=end]));
            rest = &after[end + 2..];
        } else {
            pieces.push(Piece::Text(&rest[..=at]));
            rest = after;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// The text of a whole word, written so that it means itself where `$(NAME)` is
/// replaced: escaped only where it would be read as something else.
pub(crate) fn escape_whole(text: &str) -> String {
    if text.contains("$$") || text.contains("$(") {
        text.replace('$', "$$")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> BTreeMap<String, Output> {
        let text = |text: &str| Output::Text(text.to_owned());
        [
            ("host", text("orders")),
            ("port", text("5432")),
            ("password", Output::Secret("orders-password".to_owned())),
            ("address", text("$(host):$(port)")),
            ("url", text("postgres://u:$(password)@$(address)/db")),
            ("same", text("$(password)")),
            ("loop", text("x$(pool)")),
            ("pool", text("$(loop)")),
            ("broken", text("$(nothing)")),
        ]
        .into_iter()
        .map(|(name, output)| (name.to_owned(), output))
        .collect()
    }

    #[test]
    fn nested_references_are_resolved_and_secrets_kept_apart() {
        let outputs = outputs();
        let resolve = |name| resolve(&outputs, name);
        assert_eq!(
            resolve("address"),
            Ok(EnvValue::Literal("orders:5432".to_owned()))
        );
        assert_eq!(
            resolve("same"),
            Ok(EnvValue::Secret("orders-password".to_owned()))
        );
        assert_eq!(
            resolve("url"),
            Ok(EnvValue::Template(vec![
                Part::Text("postgres://u:".to_owned()),
                Part::Secret("orders-password".to_owned()),
                Part::Text("@orders:5432/db".to_owned()),
            ]))
        );
    }

    #[test]
    fn unknown_and_circular_outputs_are_told_apart() {
        let outputs = outputs();
        assert_eq!(
            resolve(&outputs, "nope"),
            Err(NoOutput::Unknown("nope".to_owned()))
        );
        assert_eq!(
            resolve(&outputs, "broken"),
            Err(NoOutput::Unknown("nothing".to_owned()))
        );
        assert_eq!(
            resolve(&outputs, "loop"),
            Err(NoOutput::Circular("loop".to_owned()))
        );
    }

    #[test]
    fn dollars_are_escaped_by_doubling() {
        let show = |text| {
            references(text)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.to_owned(),
                    Piece::Reference(name) => format!("<{name}>"),
                })
                .collect::<String>()
        };
        assert_eq!(show("a$(B)c"), "a<B>c");
        assert_eq!(show("$$(B)"), "$(B)");
        assert_eq!(show("$$$(B)"), "$<B>");
        assert_eq!(show("$(B"), "$(B");
        assert_eq!(show("5$"), "5$");
        assert_eq!(show("ä$(Ü)$()"), "ä<Ü><>");
    }
}
