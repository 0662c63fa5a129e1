//! Refuses to plan if an object may not be kcc's: unmanaged objects under desired
//! names, and objects that kcc made but no record lists.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_lower::docker::DockerDesired;
use kcc_plan::{Error, Scope};

use super::{CONTAINER, NETWORK, VOLUME};
use crate::observed::{Observed, ObservedObject, Ownership, SUCCESSOR};

/// An existing object, by kind and name.
type There = (&'static str, String, Ownership);

/// Fails if kcc created objects of the scope and their records are lost. Nothing is
/// known about such objects, and an apply would generate new passwords for existing
/// data.
pub(super) fn refuse_unrecorded(
    docker: &DockerDesired,
    observed: &Observed,
    scope: &Scope,
) -> Result<(), Error> {
    let mut found = wanted(docker, observed);
    if !observed.recorded {
        found = all(observed);
    }
    unrecorded(found, scope)
}

/// Does the same for a command that concerns all existing objects. If there are
/// records, objects that they do not list are left alone, with a finding.
pub(super) fn refuse_all_unrecorded(observed: &Observed, scope: &Scope) -> Result<(), Error> {
    if observed.recorded {
        return Ok(());
    }
    unrecorded(all(observed), scope)
}

fn unrecorded(mut found: Vec<There>, scope: &Scope) -> Result<(), Error> {
    found.retain(|(_, _, ownership)| *ownership == Ownership::Unrecorded);
    let Some((kind, name, _)) = found.first() else {
        return Ok(());
    };
    let (others, were, them) = match found.len() - 1 {
        0 => (String::new(), "was", "it"),
        1 => (" and 1 other object".to_owned(), "were", "them"),
        count => (format!(" and {count} other objects"), "were", "them"),
    };
    let message =
        format!("{kind} `{name}`{others} {were} created by kcc, but no record lists {them}");
    Err(Error::new(Code::StateUnrecorded, message).help(format!(
        "take them into the inventory: `{}`",
        scope.recover_command()
    )))
}

/// Returns the existing objects with desired names.
fn wanted(docker: &DockerDesired, observed: &Observed) -> Vec<There> {
    let mut found = Vec::new();
    for name in docker.containers.keys() {
        for name in [name.clone(), format!("{name}{SUCCESSOR}")] {
            if let Some(existing) = observed.containers.get(&name) {
                found.push((CONTAINER, name, existing.object.ownership));
            }
        }
    }
    let mut objects = |kind, names: Vec<&String>, existing: &BTreeMap<String, ObservedObject>| {
        for name in names {
            if let Some(object) = existing.get(name) {
                found.push((kind, name.clone(), object.ownership));
            }
        }
    };
    objects(
        NETWORK,
        docker.networks.keys().collect(),
        &observed.networks,
    );
    objects(VOLUME, docker.volumes.keys().collect(), &observed.volumes);
    found
}

fn all(observed: &Observed) -> Vec<There> {
    let containers = observed.containers.iter();
    let containers =
        containers.map(|(name, existing)| (CONTAINER, name, existing.object.ownership));
    let networks = observed.networks.iter();
    let networks = networks.map(|(name, existing)| (NETWORK, name, existing.ownership));
    let volumes = observed.volumes.iter();
    let volumes = volumes.map(|(name, existing)| (VOLUME, name, existing.ownership));
    let all = containers.chain(networks).chain(volumes);
    all.map(|(kind, name, ownership)| (kind, name.clone(), ownership))
        .collect()
}

/// Fails if an unmanaged object has a desired name.
pub(super) fn refuse_unmanaged(docker: &DockerDesired, observed: &Observed) -> Result<(), Error> {
    let mut found = wanted(docker, observed);
    found.retain(|(_, _, ownership)| *ownership == Ownership::Unmanaged);
    let Some((kind, name, _)) = found.first() else {
        return Ok(());
    };
    let others = match found.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more object)".to_owned(),
        count => format!(" (and {count} more objects)"),
    };
    let remove: Vec<_> = found
        .iter()
        .map(|(kind, name, _)| match *kind {
            CONTAINER => format!("docker rm -f {name}"),
            kind => format!("docker {kind} rm {name}"),
        })
        .collect();
    Err(Error::new(
        Code::PlanForeignObject,
        format!("{kind} `{name}` already exists and is not managed by kcc{others}"),
    )
    .help(format!(
        "remove it if nobody needs it: `{}`",
        remove.join("; ")
    )))
}
