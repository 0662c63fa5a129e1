//! Lowers the checked model to the objects of an engine.
//!
//! [`lower`] turns a `CheckedModel` into the [`Desired`] state of one target, and
//! records the [`source`] of each field of its objects;
//! [`parity`] tells how each engine honours each field; [`emit`] is the only writer
//! of YAML. Nothing here contacts an engine: objects that an engine would reject for
//! their shape alone are rejected here, with the line at fault. The same input
//! always gives the same bytes.

mod desired;
pub mod docker;
pub mod emit;
mod expand;
mod hash;
pub mod kubernetes;
mod lowered;
mod lowering;
pub mod parity;
mod part;
mod sharing;
pub mod source;
mod user;
mod validation;

pub use desired::{Desired, DesiredComponent, EngineDesired};
pub use hash::of_json as content_hash;
pub use lowered::Lowered;
pub use part::Part;
pub use sharing::SharedComponent;

use std::{collections::BTreeSet, mem};

use kcc_diag::{Code, Diagnostic, Outcome};
use kcc_model::{CheckedModel, EngineTarget, Name};
use kcc_tree::ConfigTree;

use lowering::Lowering;

/// Lowers the model of one target to the objects of its engine, or of an isolated
/// instance of that target. `shared` names the components of the target that the
/// instance uses instead of creating them.
///
/// The tree provides only the lines for diagnostics: sources are paths of the model.
pub fn lower(
    tree: &ConfigTree,
    model: &CheckedModel,
    target: &str,
    instance: Option<&str>,
    shared: &BTreeSet<Name>,
) -> Outcome<Lowered> {
    let Some(target_model) = model.targets.get(target) else {
        let known: Vec<_> = model
            .targets
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        return Err(Diagnostic::error(
            Code::CheckUnknownTarget,
            format!("there is no target `{target}`"),
        )
        .help(format!("write one of {}", known.join(", ")))
        .into());
    };
    let mut lowering = Lowering::new(
        tree,
        &model.name,
        target_model,
        &model.images,
        instance,
        shared,
    );
    lowering.check_sharing();
    let components = desired::components(&lowering);
    lowering.check_config_keys();
    lowering.check_files();
    let engine = match &target_model.engine {
        EngineTarget::Docker {} => EngineDesired::Docker(docker::lower(&mut lowering)),
        EngineTarget::Kubernetes {
            context,
            namespace,
            ingress_class,
            gateway,
            gateway_class,
            public_ports,
            gpu: _,
        } => EngineDesired::Kubernetes(kubernetes::lower(
            &mut lowering,
            context.as_deref(),
            namespace,
            &kubernetes::Outside {
                ingress_class: ingress_class.as_deref(),
                gateway: gateway.as_deref(),
                gateway_class: gateway_class.as_deref(),
                public_ports: *public_ports,
            },
        )),
    };
    parity::check(&mut lowering);
    let shared = sharing::components(&lowering);
    let sources = mem::take(&mut lowering.sources);
    let desired = Desired {
        system: model.name.clone(),
        target: target.to_owned(),
        instance: instance.map(str::to_owned),
        components,
        shared,
        engine,
    };
    lowering.finish(Lowered { desired, sources })
}
