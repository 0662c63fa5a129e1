//! Resolves outputs of backings: text in which `$(name)` refers to another output.
//!
//! An output that contains a secret becomes a template of text and secrets, so
//! that the secret's value never is part of the model. In a URL, secrets and the
//! names of users and databases are percent-encoded: an unencoded `/` or `@`
//! would end them.

use std::collections::BTreeMap;

use crate::{EnvValue, Output, Part, Piece, percent_encoded, split_references};

/// The reason why an output has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutputError {
    /// No output has that name.
    Unknown(String),
    /// The output refers to itself.
    Circular(String),
}

/// Outputs that are URL components and may contain any character.
const IN_URLS: [&str; 3] = ["username", "database", "vhost"];

/// Returns the value of an output with all references resolved.
pub(crate) fn resolve(
    outputs: &BTreeMap<String, Output>,
    name: &str,
) -> Result<EnvValue, OutputError> {
    let mut parts = Vec::new();
    collect(outputs, name, &mut Vec::new(), &mut parts, false)?;
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
    in_url: bool,
) -> Result<(), OutputError> {
    if open.iter().any(|other| other == name) {
        return Err(OutputError::Circular(name.to_owned()));
    }
    let text = match outputs.get(name) {
        None => return Err(OutputError::Unknown(name.to_owned())),
        Some(Output::Secret(secret)) => {
            parts.push(if in_url {
                Part::Encoded(secret.clone())
            } else {
                Part::Secret(secret.clone())
            });
            return Ok(());
        }
        Some(Output::Text(text)) => text,
    };
    if in_url && IN_URLS.contains(&name) && !text.contains("$(") {
        add_text(parts, &percent_encoded(text));
        return Ok(());
    }
    open.push(name.to_owned());
    let mut in_url = in_url;
    for piece in split_references(text) {
        match piece {
            Piece::Text(text) => {
                in_url = in_url || text.contains("://");
                add_text(parts, text);
            }
            Piece::Reference(other) => {
                collect(outputs, other, open, parts, in_url)?;
                let last = parts.last();
                in_url = in_url || matches!(last, Some(Part::Text(text)) if text.contains("://"));
            }
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
    fn resolves_nested_references_and_keeps_secrets_separate() {
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
                Part::Encoded("orders-password".to_owned()),
                Part::Text("@orders:5432/db".to_owned()),
            ]))
        );
    }

    #[test]
    fn encodes_names_only_in_urls() {
        let mut outputs = outputs();
        let mut add = |name: &str, text: &str| {
            outputs.insert(name.to_owned(), Output::Text(text.to_owned()));
        };
        add("username", "shop@tenant");
        add("scheme", "amqps://");
        add("login", "$(username):$(password)");
        add("mail", "smtp://$(username):$(password)@$(host)");
        add("late", "$(scheme)$(username):$(password)@$(host)");
        let secret = "orders-password".to_owned();
        let text = |text: &str| Part::Text(text.to_owned());
        let in_url = |scheme: &str| {
            let rest = [Part::Encoded(secret.clone()), text("@orders")];
            let first = text(&format!("{scheme}://shop%40tenant:"));
            EnvValue::Template([vec![first], rest.to_vec()].concat())
        };
        assert_eq!(resolve(&outputs, "mail"), Ok(in_url("smtp")));
        assert_eq!(resolve(&outputs, "late"), Ok(in_url("amqps")));
        let login = vec![text("shop@tenant:"), Part::Secret(secret.clone())];
        assert_eq!(resolve(&outputs, "login"), Ok(EnvValue::Template(login)));
    }

    #[test]
    fn distinguishes_unknown_and_circular_outputs() {
        let outputs = outputs();
        assert_eq!(
            resolve(&outputs, "nope"),
            Err(OutputError::Unknown("nope".to_owned()))
        );
        assert_eq!(
            resolve(&outputs, "broken"),
            Err(OutputError::Unknown("nothing".to_owned()))
        );
        assert_eq!(
            resolve(&outputs, "loop"),
            Err(OutputError::Circular("loop".to_owned()))
        );
    }
}
