//! Lowers the model to a Docker engine.
//!
//! Each replica of a component becomes a container, and each component that others
//! need has a network. All are named `<system>-<target>-<component>`; volumes append
//! their own name, and the second replica ends in `-2`.

mod container;
mod contents;
mod desired;
pub mod label;
mod names;
mod networks;
mod patch;

pub use desired::*;
pub use names::name_prefix;
pub(crate) use patch::fields as patched_fields;
pub use patch::{DeviceRequest, HostPatch, LogConfig, Patch, Ulimit};

use std::collections::BTreeMap;

use kcc_model::{PROBE_IMAGE, SecretProvider};

use crate::lowering::Lowering;
use crate::source::Recorder;

pub(crate) fn lower(lowering: &mut Lowering<'_>) -> DockerDesired {
    let mut desired = DockerDesired {
        networks: networks::all(lowering),
        volumes: BTreeMap::new(),
        images: BTreeMap::new(),
        containers: BTreeMap::new(),
        secrets: secrets(lowering),
        probe_image: probe_image(lowering),
    };
    shared_volumes(lowering, &mut desired);
    for component in lowering.running() {
        container::lower(lowering, component, &mut desired);
    }
    desired
}

fn probe_image(lowering: &Lowering<'_>) -> Option<String> {
    let facts = lowering.images.get(PROBE_IMAGE);
    let digest = facts.and_then(|facts| facts.digest.as_ref());
    let digest = digest.filter(|_| lowering.target.pin_images)?;
    Some(format!("{PROBE_IMAGE}@{digest}"))
}

/// Adds the volumes of the system, which components share.
fn shared_volumes(lowering: &mut Lowering<'_>, desired: &mut DockerDesired) {
    for volume in lowering.target.volumes.values() {
        if !lowering.has_volume(&volume.name) {
            continue;
        }
        let name = names::shared_volume(lowering, &volume.name);
        let mut labels = names::labels(lowering, None);
        labels.insert(label::VOLUME.to_owned(), volume.name.clone());
        labels.insert(label::TEAM.to_owned(), volume.team.clone());
        let sources = Recorder::at(volume.path.clone());
        sources.model("", &[""]);
        sources.kcc("labels", label::IDENTITY);
        lowering.record("volume", &name, sources.finish());
        let object = Volume {
            component: None,
            team: volume.team.clone(),
            labels,
        };
        desired.volumes.insert(name, object);
    }
}

/// Returns the secrets that containers refer to. kcc itself fetches the values when
/// it creates a container, so a Secret in a cluster is not available.
fn secrets(lowering: &mut Lowering<'_>) -> BTreeMap<String, SecretProvider> {
    let mut secrets = BTreeMap::new();
    for name in lowering.secrets_in_use().into_keys() {
        let Some(secret) = lowering.target.secrets.get(name) else {
            continue;
        };
        let reason = match secret.provider {
            SecretProvider::Kubernetes { .. } => Some("is stored in Kubernetes"),
            SecretProvider::External { .. } => Some("is provided by a Kubernetes operator"),
            _ => None,
        };
        if let Some(reason) = reason {
            lowering.unsupported(
                &secret.path,
                format!("secret `{name}` {reason}, but the target runs on Docker"),
                format!(
                    "write `on: {}: secrets: {name:?}: generate: {{}}`, or `env: \"VARIABLE\"`",
                    lowering.target.target
                ),
            );
        } else {
            secrets.insert(name.clone(), secret.provider.clone());
        }
    }
    secrets
}
