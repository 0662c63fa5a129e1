//! Refuses to plan where what is there is not known to be ours: somebody else's,
//! or kcc's own without the record that proves it.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_lower::docker::DockerDesired;
use kcc_plan::{Error, Scope};

use super::{CONTAINER, NETWORK, VOLUME};
use crate::observed::{Observed, ObservedObject, Ownership, SUCCESSOR};

/// An object that is there, by its kind and name.
type There = (&'static str, String, Ownership);

/// Refuses where kcc created objects of the target from another machine or user,
/// or the record of this one is gone: nothing may be claimed about them, and an
/// apply would give kept data new passwords.
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

/// The same for a command that is about whatever is there. Objects that a record
/// does not know where there is one are left alone.
pub(super) fn refuse_all_unrecorded(observed: &Observed, scope: &Scope) -> Result<(), Error> {
    if observed.recorded {
        return Ok(());
    }
    unrecorded(all(observed), scope)
}

fn unrecorded(mut found: Vec<There>, scope: &Scope) -> Result<(), Error> {
    found.retain(|(_, _, ownership)| *ownership == Ownership::Claimed);
    let Some((kind, name, _)) = found.first() else {
        return Ok(());
    };
    let (others, were) = match found.len() - 1 {
        0 => (String::new(), "was"),
        1 => (" and 1 other object".to_owned(), "were"),
        count => (format!(" and {count} other objects"), "were"),
    };
    let message =
        format!("{kind} `{name}`{others} {were} created by kcc from another machine or user");
    let instance = scope.instance.as_ref();
    let instance = instance.map(|name| format!(" --instance {name}"));
    Err(Error::new(Code::StateUnrecorded, message).help(format!(
        "take them back: `kcc recover --target {}{}`",
        scope.target,
        instance.unwrap_or_default()
    )))
}

/// Everything that is there under a name that is wanted.
fn wanted(docker: &DockerDesired, observed: &Observed) -> Vec<There> {
    let mut found = Vec::new();
    for name in docker.containers.keys() {
        for name in [name.clone(), format!("{name}{SUCCESSOR}")] {
            if let Some(there) = observed.containers.get(&name) {
                found.push((CONTAINER, name, there.object.ownership));
            }
        }
    }
    let mut objects = |kind, names: Vec<&String>, there: &BTreeMap<String, ObservedObject>| {
        for name in names {
            if let Some(object) = there.get(name) {
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
    let containers = containers.map(|(name, there)| (CONTAINER, name, there.object.ownership));
    let networks = observed.networks.iter();
    let networks = networks.map(|(name, there)| (NETWORK, name, there.ownership));
    let volumes = observed.volumes.iter();
    let volumes = volumes.map(|(name, there)| (VOLUME, name, there.ownership));
    let all = containers.chain(networks).chain(volumes);
    all.map(|(kind, name, ownership)| (kind, name.clone(), ownership))
        .collect()
}

/// Names that are wanted must be free or ours.
pub(super) fn refuse_foreign(docker: &DockerDesired, observed: &Observed) -> Result<(), Error> {
    let mut found = wanted(docker, observed);
    found.retain(|(_, _, ownership)| *ownership == Ownership::Foreign);
    let Some((kind, name, _)) = found.first() else {
        return Ok(());
    };
    let others = match found.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more object like it".to_owned(),
        count => format!(", and {count} more objects like it"),
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
        format!("{kind} `{name}` is in the way, and kcc did not make it{others}"),
    )
    .help(format!("if nobody needs it: `{}`", remove.join("; "))))
}
