//! The references of a pod to Secrets and `ConfigMap`s, in the words of the kubelet: those
//! of variables keep a container from being created, those of volumes its pod.

use kcc_plan::{Cause, symptoms::between};

use super::{Facts, cause, facts::list};

/// Returns the refusal of a reference.
fn refusal<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    let of_variable = facts.waits("CreateContainerConfigError");
    of_variable.or_else(|| {
        let mounts = facts.is_being_created();
        facts.event_message("FailedMount").filter(|_| mounts)
    })
}

/// Returns the cause if an object that a pod refers to does not exist.
pub(super) fn missing(facts: &Facts<'_>, kind: &str, word: &str) -> Option<Cause> {
    let message = refusal(facts)?;
    let name = between(message, &format!("{word} \""), "\" not found")?;
    let names = facts.names(kind);
    let evidence = names.map(|names| match names.as_slice() {
        [] => format!("the namespace has no {kind}"),
        names if names.len() <= 5 => format!("the namespace has {}", list(names)),
        names => format!("the namespace has {} others", names.len()),
    });
    Some(
        cause(format!("{kind} `{name}` does not exist"))
            .evidence(evidence)
            .help(format!("create {kind} `{name}`, or correct the reference")),
    )
}

/// Returns the cause if an object that a pod refers to lacks a key.
pub(super) fn key_missing(facts: &Facts<'_>, kind: &str, word: &str) -> Option<Cause> {
    let message = refusal(facts)?;
    let (key, name) = of_variable(message, kind).or_else(|| of_volume(facts, message, word))?;
    let keys = facts.object(kind, &name).and_then(|object| {
        let data = object.get("data")?.as_object()?;
        Some(data.keys().cloned().collect::<Vec<_>>())
    });
    let evidence = keys.map(|keys| match keys.as_slice() {
        [] => "it has no keys".to_owned(),
        keys => format!("it has {}", list(keys)),
    });
    Some(
        cause(format!("{kind} `{name}` has no key `{key}`"))
            .evidence(evidence)
            .help(format!(
                "add the key to {kind} `{name}`, or correct the reference"
            )),
    )
}

/// Parses `couldn't find key KEY in Secret NAMESPACE/NAME`.
fn of_variable(message: &str, kind: &str) -> Option<(String, String)> {
    let key = between(message, "couldn't find key ", " in ")?;
    let (_, rest) = message.split_once(&format!(" in {kind} "))?;
    let (_, name) = rest.split_once('/')?;
    let name = name.split_whitespace().next()?;
    Some((key.to_owned(), name.to_owned()))
}

/// Parses `references non-existent secret key: KEY`, which does not name the object: the
/// volume does.
fn of_volume(facts: &Facts<'_>, message: &str, word: &str) -> Option<(String, String)> {
    let word = if word == "configmap" { "config" } else { word };
    let (_, key) = message.split_once(&format!("references non-existent {word} key: "))?;
    let volume = between(message, "for volume \"", "\"")?;
    let spec = facts.pod?.spec.as_ref()?;
    let volume = spec
        .volumes
        .iter()
        .flatten()
        .find(|one| one.name == volume)?;
    let of_secret = volume
        .secret
        .as_ref()
        .and_then(|source| source.secret_name.clone());
    let of_map = volume.config_map.as_ref().map(|source| source.name.clone());
    Some((key.trim().to_owned(), of_secret.or(of_map)?))
}
