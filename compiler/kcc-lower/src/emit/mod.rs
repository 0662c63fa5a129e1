//! The only writer of YAML: renders desired state as Kubernetes manifests or as a
//! `compose.yaml`.
//!
//! [`stream`] returns one text, [`files`] the files of a directory. The output never
//! contains the value of a secret, a time or an absolute path.

mod compose;
mod error;
mod file;
mod manifests;
mod yaml;

pub use error::EmitError;
pub use file::File;
pub use yaml::Yaml;

use kcc_model::Name;

use crate::kubernetes::KubernetesDesired;
use crate::{Desired, EngineDesired};

/// Renders the desired state as one stream, with paths relative to the system's
/// root.
pub fn stream(desired: &Desired) -> Result<String, EmitError> {
    match &desired.engine {
        EngineDesired::Kubernetes(objects) => {
            manifests::stream(desired, &started(desired, objects))
        }
        EngineDesired::Docker(objects) => compose::stream(desired, objects),
    }
}

/// Returns the objects that an apply creates: whoever applies manifests starts what is
/// in them. A compose file has profiles instead.
fn started(desired: &Desired, objects: &KubernetesDesired) -> KubernetesDesired {
    let manual = |name: &Name| desired.components.get(name).is_some_and(|one| one.manual);
    objects.part(|name| !manual(name))
}

/// Returns what `kcc apply` does but rendered files do not, one line each.
pub fn limitations(desired: &Desired) -> Vec<String> {
    match &desired.engine {
        EngineDesired::Kubernetes(_) => Vec::new(),
        EngineDesired::Docker(objects) => compose::limitations(objects).into_iter().collect(),
    }
}

/// Writes other manifests as one stream.
pub fn manifests(objects: &[serde_json::Value]) -> Result<String, EmitError> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&Yaml::from(object).write()?);
    }
    Ok(text)
}

/// Renders the desired state as the files of a directory. `root` is the path from
/// that directory to the system's root, such as `..`, for build contexts.
pub fn files(desired: &Desired, root: &str) -> Result<Vec<File>, EmitError> {
    match &desired.engine {
        EngineDesired::Kubernetes(objects) => manifests::files(desired, &started(desired, objects)),
        EngineDesired::Docker(objects) => compose::files(desired, objects, root),
    }
}
