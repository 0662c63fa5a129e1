//! Puts the values of secrets into Secrets and redacts them from texts.

use std::collections::BTreeMap;

pub(crate) use kcc_lower::kubernetes::referenced_secrets as referenced;
use kcc_lower::kubernetes::{CreatedSecret, ENCODED_KEY};
use kcc_model::{SecretProvider, percent_encoded};
use kcc_plan::Redaction;
use serde_json::{Value, json};

use crate::{observed::Reference, text::one_line};

/// Builds the object of a Secret with its value.
pub(crate) fn object(reference: &Reference, secret: &CreatedSecret, value: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": reference.name,
            "namespace": reference.namespace,
            "labels": secret.labels,
        },
        "stringData": keys(secret, value),
    })
}

/// Returns the contents of a Secret by key.
pub(crate) fn keys<'s>(secret: &'s CreatedSecret, value: &str) -> BTreeMap<&'s str, String> {
    let mut keys = BTreeMap::from([(secret.key.as_str(), value.to_owned())]);
    if secret.encoded {
        keys.insert(ENCODED_KEY, percent_encoded(value));
    }
    keys
}

/// The annotations by which other tools know their objects again.
const MARKS: [&str; 3] = [
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// Builds the patch that makes an existing Secret kcc's and keeps its value, if its
/// identity still matches.
pub(crate) fn adopt(uid: &str, secret: &CreatedSecret) -> Value {
    let marks = MARKS.map(|mark| (mark.to_owned(), Value::Null));
    let marks: serde_json::Map<_, _> = marks.into_iter().collect();
    json!({"metadata": {"uid": uid, "labels": secret.labels, "annotations": marks}})
}

/// Builds the patch that gives an existing Secret another value, if its identity
/// still matches.
pub(crate) fn update(uid: &str, secret: &CreatedSecret, value: &str) -> Value {
    let mut change = adopt(uid, secret);
    change["stringData"] = json!(keys(secret, value));
    change
}

/// Returns true if the value comes from outside kcc, so that it may change.
pub(crate) fn is_external(secret: &CreatedSecret) -> bool {
    secret.provider != SecretProvider::Generate {} || secret.shared_from.is_some()
}

/// Redacts all values in a text, and returns it as one line of limited length.
pub(crate) fn redact(text: &str, redaction: &Redaction) -> String {
    let text = redaction.apply(text);
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line(&plain.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_and_redacts_the_secrets_of_a_workload() {
        let manifest = json!({"spec": {
            "containers": [{"env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "stripe", "key": "api"}}},
                {"name": "B", "value": "secret"},
            ]}],
            "volumes": [{"secret": {"secretName": "tls"}}],
        }});
        assert_eq!(referenced(&manifest), ["stripe", "tls"]);
        let values = ["abc".to_owned(), "abcdef\n".to_owned(), String::new()];
        assert_eq!(
            redact("key abcdef, abc\t!", &Redaction::new(&values)),
            "key ***, *** !"
        );
    }
}
