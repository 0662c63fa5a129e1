//! Values of secrets: made at random, taken out of texts, and nothing else.

use kcc_diag::Code;
use kcc_lower::kubernetes::GeneratedSecret;
use kcc_plan::Error;
use serde_json::{Value, json};

use crate::observed::Reference;

/// Characters of a generated secret: what needs no quotes anywhere.
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Its length: 190 bits.
const LENGTH: usize = 32;

/// The object of a generated secret, with a new value.
pub(crate) fn object(reference: &Reference, secret: &GeneratedSecret) -> Result<Value, Error> {
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": reference.name,
            "namespace": reference.namespace,
            "labels": secret.labels,
        },
        "stringData": {&secret.key: random(&secret.name)?},
    }))
}

fn random(name: &str) -> Result<String, Error> {
    let mut value = String::with_capacity(LENGTH);
    while value.len() < LENGTH {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(
                Code::ApplySecret,
                format!("secret `{name}` cannot be made: the system gives no random numbers"),
            )
            .cause(error.to_string())
        })?;
        // Bytes beyond a multiple of the alphabet would favour some characters.
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < 4 * ALPHABET.len());
        value.extend(fair.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
    }
    value.truncate(LENGTH);
    Ok(value)
}

/// The names of the Secrets that a manifest refers to.
pub(crate) fn named(manifest: &Value) -> Vec<String> {
    let mut names = Vec::new();
    collect(manifest, &mut names);
    names.sort();
    names.dedup();
    names
}

fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = match field.as_str() {
                    "secretKeyRef" | "secretRef" => value.get("name"),
                    "secret" => value.get("secretName"),
                    _ => None,
                };
                names.extend(name.and_then(Value::as_str).map(str::to_owned));
                collect(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// A text without any of the values, in one line of a bearable length.
pub(crate) fn redact(text: &str, values: &[String]) -> String {
    let mut values: Vec<_> = values
        .iter()
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
        .collect();
    // A secret may be a part of another: the longer one goes first.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let text = values
        .into_iter()
        .fold(text.to_owned(), |text, value| text.replace(value, "***"));
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    crate::pods::line(&plain.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_value_is_new_each_time() {
        let (one, other) = (random("a").unwrap(), random("a").unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), LENGTH);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn secrets_of_a_workload_are_found_and_taken_out() {
        let manifest = json!({"spec": {
            "containers": [{"env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "stripe", "key": "api"}}},
                {"name": "B", "value": "secret"},
            ]}],
            "volumes": [{"secret": {"secretName": "tls"}}],
        }});
        assert_eq!(named(&manifest), ["stripe", "tls"]);
        let values = ["abc".to_owned(), "abcdef\n".to_owned(), String::new()];
        assert_eq!(redact("key abcdef, abc\t!", &values), "key ***, *** !");
    }
}
