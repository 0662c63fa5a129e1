//! Lowers the model to a Docker engine.
//!
//! Each replica of a component becomes a container, and each component that others
//! need has a network. All are named `<system>-<target>-<component>`; volumes append
//! their own name, and the second replica ends in `-2`.

mod container;
mod contents;
mod desired;
mod networks;
mod patch;

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

/// Returns the prefix of all names on the engine: `<system>-<target>`.
fn prefix(lowering: &Lowering<'_>) -> String {
    format!("{}-{}", lowering.system, lowering.target.target)
}

/// Returns the labels that identify kcc's objects.
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

/// Adds an object under its name; reports a name that another component uses.
fn insert<T>(
    lowering: &mut Lowering<'_>,
    objects: &mut BTreeMap<String, T>,
    name: String,
    object: T,
    path: &Path,
    noun: &str,
) {
    match objects.entry(name) {
        // Without the full name, which differs by target.
        Entry::Occupied(_) => lowering.error(
            Code::LowerNameClash,
            path,
            format!("a {noun} of `{path}` has the same name as one of another component"),
            "duplicate name",
            "rename one of the two: the name of a replica is its component and number, that of a volume its component and own name",
        ),
        Entry::Vacant(free) => {
            free.insert(object);
        }
    }
}
