//! Lowering to a Docker engine.
//!
//! A container for each replica of a component, and a network for each that
//! others need. All are named `<system>-<target>-<component>`, a volume with its
//! own name behind that; the second replica ends in `-2`.

mod container;
mod contents;
mod desired;
mod networks;
mod patch;
mod reach;

pub use desired::*;
pub(crate) use patch::fields as patched_fields;
pub use patch::{DeviceRequest, HostPatch, LogConfig, Patch, Ulimit};

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use kcc_diag::Code;
use kcc_model::{Component, SecretProvider};
use kcc_tree::Path;

use crate::lowering::Lowering;

pub(crate) fn lower(lowering: &mut Lowering<'_>) -> DockerDesired {
    let mut desired = DockerDesired {
        networks: networks::all(lowering),
        volumes: BTreeMap::new(),
        images: BTreeMap::new(),
        containers: BTreeMap::new(),
        secrets: secrets(lowering),
    };
    for component in lowering.running() {
        container::lower(lowering, component, &mut desired);
    }
    desired
}

/// `<system>-<target>`, with which every name on the engine begins.
fn prefix(lowering: &Lowering<'_>) -> String {
    format!("{}-{}", lowering.system, lowering.target.target)
}

/// The labels by which kcc knows its own objects again.
fn labels(lowering: &Lowering<'_>, component: Option<&Component>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("dev.kcc.system".to_owned(), lowering.system.to_owned()),
        ("dev.kcc.target".to_owned(), lowering.target.target.clone()),
    ]);
    if let Some(component) = component {
        labels.insert("dev.kcc.component".to_owned(), component.name.clone());
        labels.insert("dev.kcc.team".to_owned(), component.team.clone());
    }
    labels
}

/// The secrets that containers refer to. The values are had by kcc itself when
/// it makes a container, so a Secret in a cluster is out of reach.
fn secrets(lowering: &mut Lowering<'_>) -> BTreeMap<String, SecretProvider> {
    let mut secrets = BTreeMap::new();
    for name in lowering.secrets_in_use().into_keys() {
        let Some(secret) = lowering.target.secrets.get(name) else {
            continue;
        };
        let elsewhere = match secret.provider {
            SecretProvider::Kubernetes { .. } => Some("is kept in Kubernetes"),
            SecretProvider::External { .. } => Some("is brought by an operator of Kubernetes"),
            _ => None,
        };
        if let Some(elsewhere) = elsewhere {
            lowering.unsupported(
                &secret.path,
                format!("secret `{name}` {elsewhere}, but the target runs on Docker"),
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

/// Adds an object under its name; two components must not share one.
fn insert<T>(
    lowering: &mut Lowering<'_>,
    objects: &mut BTreeMap<String, T>,
    name: String,
    object: T,
    path: &Path,
    noun: &str,
) {
    match objects.entry(name) {
        // Without the whole name, which is another in each target.
        Entry::Occupied(_) => lowering.error(
            Code::LowerNameClash,
            path,
            format!("a {noun} of `{path}` would have the name of one of another component"),
            "the name is taken",
            "rename one of the two: a replica is called after its component and its number, a volume after its component and itself",
        ),
        Entry::Vacant(free) => {
            free.insert(object);
        }
    }
}
