//! Lowers the environment of a container.
//!
//! Kubernetes expands `$(NAME)` in a value to an earlier variable, so a template
//! with a secret becomes two variables: the secret under a name reserved for kcc,
//! listed first, and the text that refers to it. Other text is escaped, so that a
//! value is the same on every engine.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ConfigMapKeySelector, EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector,
};
use kcc_model::{Component, Container, EnvValue, Name, Part, PodField};
use kcc_tree::Path;

use crate::expand::{escape, escape_whole};
use crate::kubernetes::{secrets, storage};
use crate::lowering::Lowering;
use crate::source::Recorder;

/// Lowers the variables of the container at a path.
pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    component: &Component,
    of: &Path,
    container: &Container,
    sources: &Recorder,
) -> Option<Vec<EnvVar>> {
    let env = &container.env;
    let secret_variables = secret_variables(env);
    let mut variables = Vec::new();
    for ((secret, encoded), variable) in &secret_variables {
        sources
            .element(variables.len())
            .kcc("", "it passes a secret to the variables that contain it");
        variables.extend(from_secret(lowering, of, variable, secret, *encoded));
    }
    for (name, value) in env {
        sources.element(variables.len()).variable(component, name);
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
            EnvValue::Field(field) => {
                let source = EnvVarSource {
                    field_ref: Some(ObjectFieldSelector {
                        // The API server fills in the version.
                        api_version: Some("v1".to_owned()),
                        field_path: path_of(*field).to_owned(),
                    }),
                    ..EnvVarSource::default()
                };
                variables.push(reference(name, source));
            }
            EnvValue::Template(parts) => {
                let text = parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => escape(text),
                        Part::Secret(secret) => {
                            format!("$({})", secret_variables[&(secret, false)])
                        }
                        Part::Encoded(secret) => {
                            format!("$({})", secret_variables[&(secret, true)])
                        }
                    })
                    .collect();
                variables.push(literal(name, text));
            }
        }
    }
    (!variables.is_empty()).then_some(variables)
}

/// Returns the path of a fact in a pod.
fn path_of(field: PodField) -> &'static str {
    match field {
        PodField::PodIp => "status.podIP",
        PodField::PodName => "metadata.name",
        PodField::PodUid => "metadata.uid",
        PodField::Namespace => "metadata.namespace",
        PodField::NodeName => "spec.nodeName",
        PodField::HostIp => "status.hostIP",
        PodField::ServiceAccount => "spec.serviceAccountName",
    }
}

/// Returns the names of the variables for secrets in templates. The key is the
/// secret and a flag for percent-encoding.
fn secret_variables(env: &BTreeMap<String, EnvValue>) -> BTreeMap<(&Name, bool), String> {
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
    let key = if encoded {
        secrets::encoded_secret_key(lowering, of, secret)?
    } else {
        secrets::secret_key(lowering, of, secret)?
    };
    let selector = SecretKeySelector {
        name: key.name,
        key: key.key,
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
