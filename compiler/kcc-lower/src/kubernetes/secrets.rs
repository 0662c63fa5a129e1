//! Where the secrets of a target are in the cluster.
//!
//! A Secret with a value is never rendered: either it is there already, or an
//! operator brings it, or kcc makes it when it applies, at random or with the
//! value that whoever applies has.

use kcc_cue::Path;
use kcc_model::{Kind, Name, Output, SecretProvider};

use crate::kubernetes::MadeSecret;
use crate::kubernetes::metadata::{self, Owner};
use crate::lowering::Lowering;

/// The key of a Secret that kcc or an operator makes.
pub const GENERATED_KEY: &str = "value";

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
        SecretProvider::Kubernetes { name, key } => Some(Place {
            name: name.clone(),
            key: key.clone(),
        }),
        _ => Some(Place {
            name: name.to_owned(),
            key: GENERATED_KEY.to_owned(),
        }),
    }
}

/// The secrets in use that kcc makes itself.
pub(super) fn made(lowering: &mut Lowering<'_>) -> Vec<MadeSecret> {
    let mut made = Vec::new();
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
