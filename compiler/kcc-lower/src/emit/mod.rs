//! The only writer of YAML: a desired state as Kubernetes manifests or as a
//! `compose.yaml`.
//!
//! [`stream`] gives one text, [`files`] what belongs into a folder. Nothing
//! written holds the value of a secret, a time or an absolute path.

mod compose;
mod manifests;
mod yaml;

pub use yaml::Yaml;

use crate::{Desired, EngineDesired};

/// A file of a rendered folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name inside the folder, with `/`.
    pub name: String,
    /// Its content.
    pub content: String,
    /// It is a program, which a container runs.
    pub executable: bool,
}

/// The writer refused a value; a bug in kcc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmitError(pub(crate) String);

impl std::fmt::Display for EmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write YAML: {}", self.0)
    }
}

impl std::error::Error for EmitError {}

/// The desired state as one stream, for a reader whose current folder is the
/// system's root.
pub fn stream(desired: &Desired) -> Result<String, EmitError> {
    match &desired.engine {
        EngineDesired::Kubernetes(objects) => manifests::stream(desired, objects),
        EngineDesired::Docker(objects) => compose::stream(desired, objects),
    }
}

/// What is lost in what is rendered, although kcc itself does it: each in one line.
pub fn losses(desired: &Desired) -> Vec<String> {
    match &desired.engine {
        EngineDesired::Kubernetes(_) => Vec::new(),
        EngineDesired::Docker(objects) => compose::losses(objects).into_iter().collect(),
    }
}

/// The desired state as the files of a folder. `root` leads from that folder to
/// the system's root, as in `..`, so that images can be built from there.
pub fn files(desired: &Desired, root: &str) -> Result<Vec<File>, EmitError> {
    match &desired.engine {
        EngineDesired::Kubernetes(objects) => manifests::files(desired, objects),
        EngineDesired::Docker(objects) => compose::files(desired, objects, root),
    }
}
