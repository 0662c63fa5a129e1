//! Where the secrets of a target are in the cluster.
//!
//! A Secret with a value is never rendered: either it is there already, or an
//! operator brings it, or kcc makes it when it applies, at random or with the
//! value that whoever applies has.

use kcc_model::{Kind, Name, Output, SecretProvider};
use kcc_tree::Path;

use crate::kubernetes::MadeSecret;
use crate::kubernetes::metadata::{self, Owner};
use crate::lowering::Lowering;

/// The key of a Secret that kcc or an operator makes.
pub const GENERATED_KEY: &str = "value";
/// The key of the same value, percent-encoded.
pub const ENCODED_KEY: &str = "encoded";

/// A key of a Secret.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) key: String,
}

/// Where a secret is; none where there is no such secret.
pub(super) fn place(lowering: &mut Lowering<'_>, user: &Path, name: &str) -> Option<Place> {
    let Some(secret) = lowering.target.secrets.get(name) else {
        lowering.unsupported(
            user,
            format!("there is no secret `{name}`"),
            format!("add `secrets: {name:?}: {{}}`"),
        );
        return None;
    };
    match &secret.provider {
        SecretProvider::Kubernetes { name, key, .. } => Some(Place {
            name: name.clone(),
            key: key.clone(),
        }),
        _ => Some(Place {
            name: name.to_owned(),
            key: GENERATED_KEY.to_owned(),
        }),
    }
}

/// Where a secret is percent-encoded. A Secret that is in the cluster already may
/// have no key for that: its value then stands in URLs as it is, with a warning.
pub(super) fn encoded_place(lowering: &mut Lowering<'_>, user: &Path, name: &str) -> Option<Place> {
    let place = place(lowering, user, name)?;
    let secret = &lowering.target.secrets[name];
    Some(match &secret.provider {
        SecretProvider::Kubernetes {
            encoded_key: Some(key),
            ..
        } => Place {
            key: key.clone(),
            ..place
        },
        SecretProvider::Kubernetes { .. } => {
            lowering.url_secret(secret);
            place
        }
        // Made of characters that mean nothing to a URL.
        SecretProvider::Generate {} => place,
        _ => Place {
            key: ENCODED_KEY.to_owned(),
            ..place
        },
    })
}

/// The secrets in use that kcc makes itself.
pub(super) fn made(lowering: &mut Lowering<'_>) -> Vec<MadeSecret> {
    let mut made = Vec::new();
    let encoded = lowering.encoded_secrets();
    for name in lowering.secrets_in_use().into_keys() {
        let Some(secret) = lowering.target.secrets.get(name) else {
            continue;
        };
        if let SecretProvider::Kubernetes { .. } | SecretProvider::External { .. } = secret.provider
        {
            continue;
        }
        let backing = owner(lowering, name);
        let owner = match backing {
            Some(component) => Owner::Component(component),
            None => Owner::Team(&secret.team),
        };
        made.push(MadeSecret {
            name: name.clone(),
            key: GENERATED_KEY.to_owned(),
            encoded: encoded.contains(name) && secret.provider != SecretProvider::Generate {},
            provider: secret.provider.clone(),
            component: backing.map(|component| component.name.clone()),
            team: secret.team.clone(),
            labels: metadata::labels(lowering, owner),
        });
    }
    made
}

/// The backing whose output a secret is.
fn owner<'a>(lowering: &Lowering<'a>, secret: &Name) -> Option<&'a kcc_model::Component> {
    lowering.running().find(|component| match &component.kind {
        Kind::Backing { outputs, .. } => outputs
            .values()
            .any(|output| matches!(output, Output::Secret(name) if name == secret)),
        Kind::Service | Kind::Job(_) | Kind::CronJob(_) => false,
    })
}
