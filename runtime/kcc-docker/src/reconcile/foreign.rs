//! Refuses to plan where a name that is wanted belongs to somebody else.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_lower::docker::DockerDesired;
use kcc_plan::Error;

use super::{CONTAINER, NETWORK, VOLUME};
use crate::observed::{Observed, ObservedObject, Ownership, SUCCESSOR};

/// Names that are wanted must be free or ours. A volume that carries the labels
/// may be used whoever made it: it may hold data that nobody wants to lose.
pub(super) fn refuse_foreign(docker: &DockerDesired, observed: &Observed) -> Result<(), Error> {
    let mut found = Vec::new();
    for name in docker.containers.keys() {
        for name in [name.clone(), format!("{name}{SUCCESSOR}")] {
            if let Some(there) = observed.containers.get(&name) {
                found.push((CONTAINER, name, there.object.ownership));
            }
        }
    }
    let objects = |kind, names: Vec<&String>, there: &BTreeMap<String, ObservedObject>| {
        let mut out = Vec::new();
        for name in names {
            if let Some(object) = there.get(name) {
                out.push((kind, name.clone(), object.ownership));
            }
        }
        out
    };
    found.extend(objects(
        NETWORK,
        docker.networks.keys().collect(),
        &observed.networks,
    ));
    let volumes = objects(VOLUME, docker.volumes.keys().collect(), &observed.volumes);
    found.extend(
        volumes
            .into_iter()
            .filter(|(_, _, ownership)| *ownership == Ownership::Foreign),
    );
    found.retain(|(_, _, ownership)| *ownership != Ownership::Ours);

    let Some((kind, name, ownership)) = found.first() else {
        return Ok(());
    };
    let others = match found.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more object like it".to_owned(),
        count => format!(", and {count} more objects like it"),
    };
    let reason = match ownership {
        Ownership::Claimed => "carries kcc's labels, but this user's kcc did not make it",
        _ => "is in the way, and kcc did not make it",
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
        format!("{kind} `{name}` {reason}{others}"),
    )
    .help(format!("if nobody needs it: `{}`", remove.join("; "))))
}
