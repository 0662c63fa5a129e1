//! `--context` and `--namespace`, which override the cluster and namespace of a
//! target.
//!
//! They are applied to the checked model and not to each engine call, so that all
//! commands, from `render` to `down`, see the same values.

use kcc_model::{CheckedModel, is_label};
use kcc_tree::Engine;

use crate::{failure::Failure, settings::Settings};

/// The maximum length of a namespace name.
const MAX_NAMESPACE_LENGTH: usize = 63;

/// Applies the overrides of the command line to the model.
pub fn apply(model: CheckedModel, settings: &Settings) -> Result<CheckedModel, Failure> {
    let (context, namespace) = (settings.context.as_deref(), settings.namespace.as_deref());
    let Some(option) = given_option(settings) else {
        return Ok(model);
    };
    let on_docker = model
        .targets
        .values()
        .all(|target| target.engine.is(Engine::Docker));
    if on_docker {
        let names: Vec<_> = model
            .targets
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        let targets = match &names[..] {
            [name] => format!("target {name} runs"),
            _ => format!("targets {} run", names.join(", ")),
        };
        return Err(Failure::usage(
            format!("`{option}` requires Kubernetes, but {targets} on Docker"),
            format!("remove `{option}`, or select a Kubernetes target with `--target`"),
        ));
    }
    if let Some(name) = namespace
        && !(is_label(name) && name.len() <= MAX_NAMESPACE_LENGTH)
    {
        return Err(Failure::usage(
            format!("`{name}` is not a valid namespace name"),
            "use at most 63 lower-case letters, digits and `-`",
        ));
    }
    Ok(model.with_overrides(context, namespace))
}

/// Rejects the overrides for a command that has no target.
pub fn reject(settings: &Settings) -> Result<(), Failure> {
    match given_option(settings) {
        None => Ok(()),
        Some(option) => Err(Failure::usage(
            format!("`{option}` has no effect on a command without a target"),
            format!("remove `{option}`"),
        )),
    }
}

/// Returns the override option that was given, if any.
fn given_option(settings: &Settings) -> Option<&'static str> {
    if settings.namespace.is_some() {
        return Some("--namespace");
    }
    settings.context.is_some().then_some("--context")
}
