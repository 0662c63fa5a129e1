//! The environment of a container.
//!
//! Kubernetes replaces `$(NAME)` in a value by a variable that stands earlier,
//! so a text with a secret in it becomes two: the secret under a name of kcc's
//! own, before all others, and the text that refers to it. Texts are escaped: a
//! value means itself on every engine.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, EnvVar, EnvVarSource, SecretKeySelector};
use kcc_model::{Container, EnvValue, Name, Part};
use kcc_tree::Path;

use crate::expand::{escape, escape_whole};
use crate::kubernetes::{secrets, storage};
use crate::lowering::Lowering;

/// The variables of the container that is described at a path.
pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    of: &Path,
    container: &Container,
) -> Option<Vec<EnvVar>> {
    let env = &container.env;
    let hidden = hidden(env);
    let mut variables = Vec::new();
    for ((secret, encoded), variable) in &hidden {
        variables.extend(from_secret(lowering, of, variable, secret, *encoded));
    }
    for (name, value) in env {
        match value {
            EnvValue::Literal(text) => variables.push(literal(name, escape_whole(text))),
            EnvValue::Secret(secret) => {
                variables.extend(from_secret(lowering, of, name, secret, false));
            }
            EnvValue::Config { name: config, key } => {
                let path = of.join("env").join(name);
                if lowering.config(&path, config, key).is_none() {
                    continue;
                }
                let selector = ConfigMapKeySelector {
                    name: storage::config_name(config),
                    key: key.clone(),
                    optional: None,
                };
                variables.push(reference(
                    name,
                    EnvVarSource {
                        config_map_key_ref: Some(selector),
                        ..EnvVarSource::default()
                    },
                ));
            }
            EnvValue::Template(parts) => {
                let text = parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => escape(text),
                        Part::Secret(secret) => format!("$({})", hidden[&(secret, false)]),
                        Part::Encoded(secret) => format!("$({})", hidden[&(secret, true)]),
                    })
                    .collect();
                variables.push(literal(name, text));
            }
        }
    }
    (!variables.is_empty()).then_some(variables)
}

/// The variables that carry the secrets of templates, by the secret and whether
/// it is percent-encoded.
fn hidden(env: &BTreeMap<String, EnvValue>) -> BTreeMap<(&Name, bool), String> {
    let templates = env.values().filter_map(|value| match value {
        EnvValue::Template(parts) => Some(parts),
        _ => None,
    });
    let secrets: BTreeSet<(&Name, bool)> = templates
        .flatten()
        .filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Secret(name) => Some((name, false)),
            Part::Encoded(name) => Some((name, true)),
        })
        .collect();
    let mut names = BTreeMap::new();
    let mut taken: BTreeSet<String> = env.keys().cloned().collect();
    for secret in secrets {
        let (name, encoded) = secret;
        let mut name = format!(
            "KCC_SECRET_{}{}",
            name.to_ascii_uppercase().replace('-', "_"),
            if encoded { "_ENCODED" } else { "" },
        );
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        names.insert(secret, name);
    }
    names
}

fn from_secret(
    lowering: &mut Lowering<'_>,
    of: &Path,
    name: &str,
    secret: &str,
    encoded: bool,
) -> Option<EnvVar> {
    let place = if encoded {
        secrets::encoded_place(lowering, of, secret)?
    } else {
        secrets::place(lowering, of, secret)?
    };
    let selector = SecretKeySelector {
        name: place.name,
        key: place.key,
        optional: None,
    };
    let source = EnvVarSource {
        secret_key_ref: Some(selector),
        ..EnvVarSource::default()
    };
    Some(reference(name, source))
}

fn literal(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    }
}

fn reference(name: &str, source: EnvVarSource) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(source),
    }
}
