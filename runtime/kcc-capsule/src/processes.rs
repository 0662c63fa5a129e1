//! The containers of a desired state, whichever engine it is for.

use std::collections::BTreeMap;

use kcc_lower::{Desired, EngineDesired};
use kcc_model::{Name, Secret};

use crate::process::{Process, Unit, docker, kubernetes};

/// Returns the containers of a desired state. `secrets` are those of the model that the
/// objects were lowered from.
pub fn processes(desired: &Desired, secrets: &BTreeMap<Name, Secret>) -> BTreeMap<Unit, Process> {
    match &desired.engine {
        EngineDesired::Docker(docker) => docker::processes(docker, secrets),
        EngineDesired::Kubernetes(kube) => kubernetes::processes(kube),
    }
}
