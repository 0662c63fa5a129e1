//! From the checked model to the objects of an engine.
//!
//! [`lower`] takes a `CheckedModel` and gives the [`Desired`] state of one
//! target; [`parity`] says what each engine makes of each field; [`emit`] alone
//! writes YAML. Nothing here asks an engine anything: what a cluster or a
//! daemon would refuse for its shape alone is refused here, with the line that
//! says it. Same input, same bytes.

mod desired;
pub mod docker;
pub mod emit;
mod expand;
pub mod kubernetes;
mod lowering;
pub mod parity;
mod read;
pub mod source;
mod user;

pub use desired::{Desired, DesiredComponent, EngineDesired};

use std::fmt::Write as _;

use kcc_diag::{Code, Diagnostic, Outcome};
use kcc_model::{CheckedModel, EngineTarget};
use kcc_tree::ConfigTree;
use serde::Serialize;
use sha2::{Digest, Sha256};

use lowering::Lowering;

/// Lowers the model of one target to the objects of its engine.
///
/// The tree is asked for nothing but the lines behind what the engine cannot do.
pub fn lower(tree: &ConfigTree, model: &CheckedModel, target: &str) -> Outcome<Desired> {
    let Some(target_model) = model.targets.get(target) else {
        let known: Vec<_> = model
            .targets
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        return Err(Diagnostic::error(
            Code::CheckUnknownTarget,
            format!("the system has no target `{target}`"),
        )
        .help(format!("name one of {}", known.join(", ")))
        .into());
    };
    let mut lowering = Lowering::new(tree, &model.name, target_model);
    let components = desired::components(target_model);
    lowering.hold_config_keys();
    lowering.hold_files();
    let engine = match &target_model.engine {
        EngineTarget::Docker {} => EngineDesired::Docker(docker::lower(&mut lowering)),
        EngineTarget::Kubernetes {
            context,
            namespace,
            ingress_class,
            gateway,
            gateway_class,
        } => EngineDesired::Kubernetes(kubernetes::lower(
            &mut lowering,
            context.as_deref(),
            namespace,
            &kubernetes::Routing {
                ingress_class: ingress_class.as_deref(),
                gateway: gateway.as_deref(),
                gateway_class: gateway_class.as_deref(),
            },
        )),
    };
    parity::hold(&mut lowering);
    lowering.finish(Desired {
        system: model.name.clone(),
        target: target.to_owned(),
        components,
        engine,
    })
}

/// Hex SHA-256 of a value as JSON; maps are ordered, so it is canonical.
pub(crate) fn hash<T: Serialize>(value: &T) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut hash = String::new();
    for byte in Sha256::digest(&bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}
