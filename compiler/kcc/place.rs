//! `--context` and `--namespace`: another cluster or namespace than the one that
//! a target names. They stand in the model, so that every command means the same.

use kcc_model::{CheckedModel, EngineTarget, is_label};

use crate::{failure::Failure, settings::Settings};

/// Characters of a namespace's name at most.
const LONGEST: usize = 63;

/// The model in the place that the command names, if it names one.
pub fn elsewhere(model: CheckedModel, settings: &Settings) -> Result<CheckedModel, Failure> {
    let (context, namespace) = (settings.context.as_deref(), settings.namespace.as_deref());
    let Some(option) = named(settings) else {
        return Ok(model);
    };
    let on_docker = model
        .targets
        .values()
        .all(|target| matches!(target.engine, EngineTarget::Docker {}));
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
            format!("`{option}` is for Kubernetes, but {targets} on Docker"),
            "leave it out, or name a target on Kubernetes with `--target`",
        ));
    }
    if let Some(name) = namespace
        && !(is_label(name) && name.len() <= LONGEST)
    {
        return Err(Failure::usage(
            format!("`{name}` is no name of a namespace"),
            "write lower-case letters, digits and `-`, at most 63",
        ));
    }
    Ok(model.elsewhere(context, namespace))
}

/// That a command is about no target.
pub fn refuse(settings: &Settings) -> Result<(), Failure> {
    match named(settings) {
        None => Ok(()),
        Some(option) => Err(Failure::usage(
            format!("`{option}` has no effect on a command that is about no target"),
            "leave it out",
        )),
    }
}

/// The option that names another place.
fn named(settings: &Settings) -> Option<&'static str> {
    if settings.namespace.is_some() {
        return Some("--namespace");
    }
    settings.context.is_some().then_some("--context")
}
