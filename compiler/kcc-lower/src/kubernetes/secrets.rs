//! Where the secrets of a target are in the cluster.
//!
//! A Secret with a value is never rendered: either it is there already, or kcc
//! makes it once, at random, when it applies.

use kcc_cue::Path;
use kcc_model::{Kind, Name, Output, SecretProvider};

use crate::kubernetes::GeneratedSecret;
use crate::kubernetes::metadata::{self, Owner};
use crate::lowering::Lowering;

/// The key of a generated Secret.
pub const GENERATED_KEY: &str = "value";

/// A key of a Secret.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) key: String,
}

/// Where a secret is; none where it is nowhere in the cluster. A secret without
/// a place is reported once, by [`generated`].
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
        SecretProvider::Generate {} | SecretProvider::External { .. } => Some(Place {
            name: name.to_owned(),
            key: GENERATED_KEY.to_owned(),
        }),
        SecretProvider::Env(_) | SecretProvider::File(_) | SecretProvider::Command(_) => None,
    }
}

/// The secrets in use that kcc makes itself; those that it can neither make nor
/// find in the cluster are mistakes.
pub(super) fn generated(lowering: &mut Lowering<'_>) -> Vec<GeneratedSecret> {
    let mut generated = Vec::new();
    for name in lowering.secrets_in_use().into_keys() {
        let Some(secret) = lowering.target.secrets.get(name) else {
            continue;
        };
        match &secret.provider {
            SecretProvider::Kubernetes { .. } | SecretProvider::External { .. } => {}
            SecretProvider::Generate {} => {
                let backing = owner(lowering, name);
                let owner = match backing {
                    Some(component) => Owner::Component(component),
                    None => Owner::Team(&secret.team),
                };
                generated.push(GeneratedSecret {
                    name: name.clone(),
                    key: GENERATED_KEY.to_owned(),
                    component: backing.map(|component| component.name.clone()),
                    team: secret.team.clone(),
                    labels: metadata::labels(lowering, owner),
                });
            }
            provider => {
                let source = match provider {
                    SecretProvider::File(_) => "a file",
                    SecretProvider::Command(_) => "a command",
                    _ => "the environment",
                };
                lowering.unsupported(
                    &secret.path,
                    format!(
                        "secret `{name}` comes from {source} of whoever applies, but the target \
                         runs on Kubernetes"
                    ),
                    format!(
                        "write `on: {}: secrets: {name:?}: kubernetes: {{name: …, key: …}}` for a \
                         Secret of the cluster",
                        lowering.target.target
                    ),
                );
            }
        }
    }
    generated
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
