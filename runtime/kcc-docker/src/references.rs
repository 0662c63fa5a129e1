//! The secrets that containers and their variables refer to.

use kcc_lower::docker::{Container, Mount};
use kcc_model::{EnvValue, Part};

/// Returns the secrets that the value of a variable refers to.
pub(crate) fn secrets_of(value: &EnvValue) -> impl Iterator<Item = &str> {
    let parts: Vec<_> = match value {
        EnvValue::Secret(name) => vec![name.as_str()],
        EnvValue::Template(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Secret(name) | Part::Encoded(name) => Some(name.as_str()),
                Part::Text(_) => None,
            })
            .collect(),
        EnvValue::Literal(_) | EnvValue::Config { .. } | EnvValue::Field(_) => Vec::new(),
    };
    parts.into_iter()
}

/// Returns the secrets that a container refers to.
pub(crate) fn referenced_secrets(container: &Container) -> impl Iterator<Item = &str> {
    let env = container.env.values().flat_map(secrets_of);
    let mounts = container.mounts.values().filter_map(|mount| match mount {
        Mount::Secret(name) => Some(name.as_str()),
        Mount::Volume(_) | Mount::Host(_) | Mount::Shared(_) | Mount::Tmpfs(_) => None,
    });
    env.chain(mounts)
}
