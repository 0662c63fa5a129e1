//! Traces each field of a rendered object to its source: the model path it follows,
//! or the reason why kcc sets it.
//!
//! Lowering does not carry origins. Instead, tables map the fields of objects to
//! model paths; a test walks every field of every object of the examples and fails
//! for fields without an entry.

mod docker;
mod elements;
mod kubernetes;
mod kubernetes_fields;
mod pattern;
mod rendered;

pub use rendered::{Rendered, Source};

use kcc_model::TargetModel;
use kcc_tree::{Engine, Path};

use crate::{Desired, EngineDesired};

/// Returns true if kcc must not leave a field to another field manager: it
/// identifies objects, triggers rollouts, or protects the host.
pub fn is_required(path: &Path) -> bool {
    kubernetes::is_required(&path.0)
}

/// Returns all objects of a target.
pub fn objects(desired: &Desired) -> Vec<Rendered> {
    match &desired.engine {
        EngineDesired::Docker(docker) => docker::objects(docker),
        EngineDesired::Kubernetes(kubernetes) => kubernetes::objects(kubernetes),
    }
}

impl Rendered {
    /// Returns the source of a field; none if no table has it.
    pub fn source(&self, target: &TargetModel, path: &Path) -> Option<Source> {
        match target.engine.engine() {
            Engine::Docker => docker::source(self, target, path),
            Engine::Kubernetes => kubernetes::source(self, target, path),
        }
    }
}
