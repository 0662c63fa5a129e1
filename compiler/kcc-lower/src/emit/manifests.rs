//! Writes Kubernetes manifests as one stream or as one file per component.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::Desired;
use crate::emit::{EmitError, File, Yaml};
use crate::kubernetes::{KubernetesDesired, Object};

/// The file of objects without a component. The name sorts before every component,
/// because the namespace has to be applied first.
const SHARED: &str = "00-shared.yaml";

pub(super) fn stream(desired: &Desired, objects: &KubernetesDesired) -> Result<String, EmitError> {
    documents(
        desired,
        objects,
        &objects.objects.iter().collect::<Vec<_>>(),
    )
}

pub(super) fn files(
    desired: &Desired,
    objects: &KubernetesDesired,
) -> Result<Vec<File>, EmitError> {
    let mut by_file: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
    for object in &objects.objects {
        let name = match &object.component {
            Some(component) => format!("{component}.yaml"),
            None => SHARED.to_owned(),
        };
        by_file.entry(name).or_default().push(object);
    }
    by_file
        .into_iter()
        .map(|(name, of_file)| {
            Ok(File {
                name,
                content: documents(desired, objects, &of_file)?.into_bytes(),
                executable: false,
            })
        })
        .collect()
}

fn documents(
    desired: &Desired,
    all: &KubernetesDesired,
    objects: &[&Object],
) -> Result<String, EmitError> {
    let mut text = head(desired, all);
    for object in objects {
        text.push_str("---\n");
        text.push_str(&Yaml::from(&object.manifest).write()?);
    }
    Ok(text)
}

/// Returns the header for readers who apply the manifests without kcc.
fn head(desired: &Desired, objects: &KubernetesDesired) -> String {
    let mut head = format!(
        "# System {}, target {}, rendered by kcc.\n",
        desired.system, desired.target
    );
    for secret in &objects.secrets {
        let _ = writeln!(
            head,
            "# Secret {} (key {}) is created by `kcc apply` and not included here.",
            secret.name, secret.key
        );
    }
    head
}
