//! What is there: reads everything that reconciling needs, with calls that
//! change nothing, and says of each object whose it is.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use kcc_lower::docker::DockerDesired;
use kcc_plan::{Error, Options, Scope};

use crate::{
    client::{Client, Listed},
    endpoint::Endpoint,
    memory::Memory,
    observed::{Observed, ObservedContainer, ObservedObject, Ownership, SUCCESSOR, label},
    ports,
};

/// Questions that are asked side by side.
const PARALLEL: usize = 8;

/// Reads what an engine holds of a target and of the names that it wants.
pub(crate) async fn observe(
    client: &Client,
    endpoint: &Endpoint,
    scope: &Scope,
    docker: &DockerDesired,
    memory: &Memory,
    options: &Options,
) -> Result<Observed, Error> {
    let mut observed = objects(client, scope, docker, memory).await?;
    for (reference, image) in &docker.images {
        if let Some(image) = client.image(reference).await? {
            observed.images.insert(reference.clone(), image);
        }
        if let Some(build) = &image.build {
            let hash = crate::context::hash(&options.root, build).await?;
            observed.contexts.insert(reference.clone(), hash);
        }
    }
    observed.in_machine = client.in_machine().await?;
    if endpoint.is_local() {
        probe_ports(docker, &mut observed);
    }
    Ok(observed)
}

/// Containers, networks and volumes.
pub(crate) async fn objects(
    client: &Client,
    scope: &Scope,
    docker: &DockerDesired,
    memory: &Memory,
) -> Result<Observed, Error> {
    let mut observed = Observed::default();
    let object = |kind: &str, listed: &Listed| ObservedObject {
        id: listed.id.clone(),
        ownership: match belongs(scope, &listed.labels) {
            true if memory.knows(kind, listed) => Ownership::Ours,
            true => Ownership::Claimed,
            false => Ownership::Foreign,
        },
        component: listed.labels.get(label::COMPONENT).cloned(),
        team: listed.labels.get(label::TEAM).cloned(),
    };
    for listed in client.networks().await? {
        let object = object("network", &listed);
        if object.ownership == Ownership::Foreign && !docker.networks.contains_key(&listed.name) {
            continue;
        }
        let Some(first) = observed.networks.remove(&listed.name) else {
            observed.networks.insert(listed.name, object);
            continue;
        };
        // The one that matters: that is in the way, or that containers are on.
        let better = object.ownership != Ownership::Ours || client.is_used(&object.id).await?;
        let (kept, twin) = if better {
            (object, first)
        } else {
            (first, object)
        };
        observed.networks.insert(listed.name.clone(), kept);
        observed.twins.push((listed.name, twin));
    }
    for listed in client.volumes().await? {
        let object = object("volume", &listed);
        if object.ownership != Ownership::Foreign || docker.volumes.contains_key(&listed.name) {
            observed.volumes.insert(listed.name, object);
        }
    }
    let mut wanted = Vec::new();
    for listed in client.containers().await? {
        let object = object("container", &listed);
        let plain = listed.name.strip_suffix(SUCCESSOR).unwrap_or(&listed.name);
        if object.ownership != Ownership::Foreign || docker.containers.contains_key(plain) {
            wanted.push((listed, object));
        } else {
            observed.taken_ports.extend(listed.host_ports);
        }
    }
    let inspected = stream::iter(wanted)
        .map(|(listed, object)| async move {
            let found = client.inspect(&listed.id).await?;
            Ok::<_, Error>(found.map(|found| {
                let container = ObservedContainer {
                    object,
                    state: found.state,
                    config_hash: listed.labels.get(label::CONFIG_HASH).cloned(),
                    config_fields: listed.labels.get(label::CONFIG_FIELDS).cloned(),
                    image_id: found.image_id,
                    published: found.published,
                    networks: found.networks.into_keys().collect(),
                    joined: found.joined,
                    started_at: sortable(&found.started_at),
                };
                (listed.name, container)
            }))
        })
        .buffered(PARALLEL)
        .try_collect::<Vec<_>>()
        .await?;
    observed.containers = inspected.into_iter().flatten().collect();
    Ok(observed)
}

/// A time as the engine writes it, `2026-01-02T03:04:05.6Z`, with all digits of
/// its fraction, so that times are in order as texts.
fn sortable(time: &str) -> String {
    let time = time.trim_end_matches('Z');
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{fraction:0<9}")
}

fn belongs(scope: &Scope, labels: &BTreeMap<String, String>) -> bool {
    labels.get(label::SYSTEM) == Some(&scope.system)
        && labels.get(label::TARGET) == Some(&scope.target)
        && labels.get(label::INSTANCE) == scope.instance.as_ref()
}

/// Finds out which host ports other programs of this machine hold, among those
/// that might be given away.
fn probe_ports(docker: &DockerDesired, observed: &mut Observed) {
    for (name, container) in &docker.containers {
        for publish in container
            .ports
            .iter()
            .filter(|publish| publish.host.is_none())
        {
            for port in ports::candidates(name, publish.container, publish.protocol) {
                if observed.taken_ports.contains(&port) {
                    continue;
                }
                if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
                    break;
                }
                observed.taken_ports.insert(port);
            }
        }
    }
}
