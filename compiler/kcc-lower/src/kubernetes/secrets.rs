//! Maps secrets of the model to Secrets of the cluster.
//!
//! A Secret with a value is never rendered: it exists already, an operator provides
//! it, or kcc creates it during an apply, generated at random or with a value from
//! the applying user.

use kcc_model::{Kind, Name, Output, SecretProvider};
use kcc_tree::Path;

use crate::kubernetes::CreatedSecret;
use crate::kubernetes::metadata::{self, Owner};
use crate::lowering::Lowering;

/// The key of the value in a Secret that kcc or an operator creates.
pub const GENERATED_KEY: &str = "value";
/// The key of the same value, percent-encoded.
pub const ENCODED_KEY: &str = "encoded";

/// A key of a Secret in the cluster.
pub(super) struct SecretKey {
    pub(super) name: String,
    pub(super) key: String,
}

/// Returns the key of a secret; reports a secret that does not exist.
pub(super) fn secret_key(
    lowering: &mut Lowering<'_>,
    user: &Path,
    name: &str,
) -> Option<SecretKey> {
    let Some(secret) = lowering.target.secrets.get(name) else {
        lowering.unsupported(
            user,
            format!("secret `{name}` does not exist"),
            format!("add `secrets: {name:?}: {{}}`"),
        );
        return None;
    };
    match &secret.provider {
        SecretProvider::Kubernetes { name, key, .. } => Some(SecretKey {
            name: name.clone(),
            key: key.clone(),
        }),
        _ => Some(SecretKey {
            name: name.to_owned(),
            key: GENERATED_KEY.to_owned(),
        }),
    }
}

/// Returns the key of the percent-encoded value. An existing Secret may not have one;
/// its plain value is then used in URLs, with a warning.
pub(super) fn encoded_secret_key(
    lowering: &mut Lowering<'_>,
    user: &Path,
    name: &str,
) -> Option<SecretKey> {
    let key = secret_key(lowering, user, name)?;
    let secret = &lowering.target.secrets[name];
    Some(match &secret.provider {
        SecretProvider::Kubernetes {
            encoded_key: Some(encoded),
            ..
        } => SecretKey {
            key: encoded.clone(),
            ..key
        },
        SecretProvider::Kubernetes { .. } => {
            lowering.report_url_secret(secret, &key.key);
            key
        }
        // Generated values need no encoding.
        SecretProvider::Generate {} => key,
        _ => SecretKey {
            key: ENCODED_KEY.to_owned(),
            ..key
        },
    })
}

/// Returns the secrets in use that kcc creates.
pub(super) fn created(lowering: &mut Lowering<'_>) -> Vec<CreatedSecret> {
    let mut created = Vec::new();
    let shared = lowering.shared_secrets();
    let encoded = lowering.encoded_secrets();
    for name in lowering.secrets_in_use().into_keys() {
        let Some(secret) = lowering.target.secrets.get(name) else {
            continue;
        };
        if let SecretProvider::Kubernetes { .. } | SecretProvider::External { .. } = secret.provider
        {
            continue;
        }
        let backing = backing_of(lowering, name);
        let owner = match backing {
            Some(component) => Owner::Component(component),
            None => Owner::Team(&secret.team),
        };
        created.push(CreatedSecret {
            name: name.clone(),
            key: GENERATED_KEY.to_owned(),
            encoded: encoded.contains(name) && secret.provider != SecretProvider::Generate {},
            provider: secret.provider.clone(),
            shared_from: lowering
                .target_namespace()
                .filter(|_| shared.contains(name))
                .map(str::to_owned),
            component: backing.map(|component| component.name.clone()),
            team: secret.team.clone(),
            labels: metadata::labels(lowering, owner),
        });
    }
    created
}

/// Returns the backing that has a secret as an output.
fn backing_of<'a>(lowering: &Lowering<'a>, secret: &Name) -> Option<&'a kcc_model::Component> {
    lowering.running().find(|component| match &component.kind {
        Kind::Backing { outputs, .. } => outputs
            .values()
            .any(|output| matches!(output, Output::Secret(name) if name == secret)),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => false,
    })
}
