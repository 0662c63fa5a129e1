//! Observes the engine: reads everything that reconcile needs, with read-only
//! calls, and determines the ownership of each object.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use kcc_lower::{
    Desired,
    docker::{DockerDesired, Mount},
};
use kcc_model::Until;
use kcc_plan::{Error, LabelledObject, Options, Scope, Secrets, Tool};

use crate::{
    client::{Client, Listed},
    compose::{self, Project},
    compose_projects,
    credentials::Credentials,
    drift,
    driver::counts_for_readiness,
    endpoint::Endpoint,
    observed::{
        Guest, Observed, ObservedContainer, ObservedObject, Ownership, ProcessDrift, SUCCESSOR,
        label,
    },
    ports,
    readiness::ReadinessCheck,
    records::{Known, Records},
    recovery,
};

/// The number of concurrent requests.
const PARALLEL: usize = 8;

/// Reads the objects of a scope, and the objects of others whose names it needs.
pub(crate) async fn observe(
    client: &Client,
    endpoint: &Endpoint,
    scope: &Scope,
    docker: &DockerDesired,
    records: &Records,
    options: &Options,
    secrets: &Secrets,
) -> Result<Observed, Error> {
    let mut observed = objects(client, scope, docker, records).await?;
    processes(client, docker, secrets, &mut observed).await?;
    for (reference, image) in &docker.images {
        let found = client.image(reference).await?;
        if let Some(build) = &image.build {
            let hash = match &found {
                // Whatever it would be built from now, it is the recorded one.
                Some(found) if options.recorded => found.context_hash.clone(),
                None if options.recorded => crate::context::hash(&options.root, build).await.ok(),
                _ => Some(crate::context::hash(&options.root, build).await?),
            };
            let known = hash.map(|hash| (reference.clone(), hash));
            observed.contexts.extend(known);
        }
        observed
            .images
            .extend(found.map(|found| (reference.clone(), found)));
    }
    if options.take_over == Some(Tool::Compose) {
        take_over(docker, &client.containers().await?, &mut observed)?;
    }
    observed.in_vm = client.in_vm;
    if endpoint.is_local() {
        probe_ports(docker, &mut observed);
        if !client.in_vm {
            probe_declared_ports(docker, &mut observed);
        }
    }
    Ok(observed)
}

/// Asks registries for the images that the engine lacks, and returns those that they
/// certainly do not give, with the reason. Whatever else goes wrong may go well when the
/// engine pulls.
pub(crate) async fn missing_images(
    client: &Client,
    docker: &DockerDesired,
    observed: &Observed,
    options: &Options,
) -> BTreeMap<String, String> {
    let absent = docker.images.iter().filter(|(reference, image)| {
        image.build.is_none() && !observed.images.contains_key(*reference)
    });
    let asked = stream::iter(absent).map(|(reference, _)| async move {
        let login = Credentials::find(reference, options).await;
        let why = client.unavailable(reference, login).await?;
        Some((reference.clone(), why))
    });
    asked
        .buffered(PARALLEL)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Finds the declared host ports that other programs on this machine hold: not those of
/// containers, whose ports the engine knows.
fn probe_declared_ports(docker: &DockerDesired, observed: &mut Observed) {
    let own: BTreeSet<u16> = observed
        .containers
        .values()
        .filter(|existing| existing.state.is_up())
        .flat_map(|existing| existing.published.values().copied())
        .collect();
    let former = observed.compose.iter().flat_map(Project::replaced);
    let former: BTreeSet<u16> = former
        .flat_map(|(_, container)| container.host_ports.iter().copied())
        .collect();
    for publish in docker.containers.values().flat_map(|one| &one.ports) {
        let Some(port) = publish.host else { continue };
        let known = own.contains(&port)
            || former.contains(&port)
            || observed.port_holders.contains_key(&port);
        let address = publish.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let bound = match publish.protocol {
            "udp" => UdpSocket::bind((address, port)).map(drop),
            _ => TcpListener::bind((address, port)).map(drop),
        };
        let busy = bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
        if busy && !known {
            observed.busy_ports.insert(port);
        }
    }
}

/// Reads containers, networks and volumes.
pub(crate) async fn objects(
    client: &Client,
    scope: &Scope,
    docker: &DockerDesired,
    records: &Records,
) -> Result<Observed, Error> {
    let mut observed = Observed {
        recorded: records.exist(),
        unapplied: records.unapplied(),
        interrupted: records.intent.is_some(),
        ..Observed::default()
    };
    let owners = &Owners {
        scope,
        known: records.known(),
    };
    networks(client, owners, docker, &mut observed).await?;
    volumes(client, owners, docker, &mut observed).await?;
    containers(client, owners, docker, &mut observed).await?;
    Ok(observed)
}

/// Decides whose an object is: by its labels and by the record.
pub(crate) struct Owners<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) known: Known<'a>,
}

impl Owners<'_> {
    /// Classifies an object. One that carries the labels of the scope, although kcc
    /// cannot have created it, is added to the doubtful ones.
    pub(crate) fn classify(
        &self,
        kind: &str,
        listed: &Listed,
        doubtful: &mut Vec<LabelledObject>,
    ) -> ObservedObject {
        let labelled = belongs(self.scope, &listed.labels);
        let doubt = labelled
            .then(|| recovery::doubt(self.scope, kind, listed))
            .flatten();
        let ownership = if !labelled {
            Ownership::Unmanaged
        } else if self.known.lists(kind, listed) {
            Ownership::Owned
        } else if doubt.is_none() {
            Ownership::Unrecorded
        } else {
            Ownership::Unmanaged
        };
        let object = ObservedObject {
            id: listed.id.clone(),
            ownership,
            component: listed.labels.get(label::COMPONENT).cloned(),
            team: listed.labels.get(label::TEAM).cloned(),
        };
        if object.ownership == Ownership::Unmanaged && doubt.is_some() {
            doubtful.push(LabelledObject {
                kind: kind.to_owned(),
                name: listed.name.clone(),
                component: object.component.clone(),
                team: object.team.clone(),
                recorded: false,
                doubt,
            });
        }
        object
    }
}

async fn networks(
    client: &Client,
    owners: &Owners<'_>,
    docker: &DockerDesired,
    observed: &mut Observed,
) -> Result<(), Error> {
    for listed in client.networks().await? {
        let object = owners.classify("network", &listed, &mut observed.doubtful);
        if object.ownership == Ownership::Unmanaged && !docker.networks.contains_key(&listed.name) {
            continue;
        }
        let Some(first) = observed.networks.remove(&listed.name) else {
            observed.networks.insert(listed.name, object);
            continue;
        };
        // Keep the one that matters: an unmanaged one, which is in the way, or
        // the one with containers on it.
        let better =
            object.ownership != Ownership::Owned || !client.users(&object.id).await?.is_empty();
        let (kept, duplicate) = if better {
            (object, first)
        } else {
            (first, object)
        };
        observed.networks.insert(listed.name.clone(), kept);
        observed.duplicates.push((listed.name, duplicate));
    }
    Ok(())
}

async fn volumes(
    client: &Client,
    owners: &Owners<'_>,
    docker: &DockerDesired,
    observed: &mut Observed,
) -> Result<(), Error> {
    for listed in client.volumes().await? {
        let object = owners.classify("volume", &listed, &mut observed.doubtful);
        if object.ownership != Ownership::Unmanaged || docker.volumes.contains_key(&listed.name) {
            observed.volumes.insert(listed.name, object);
        }
    }
    Ok(())
}

/// Observes the project of Compose that gives way: its containers hold neither names nor
/// ports of the target any more.
fn take_over(docker: &DockerDesired, all: &[Listed], observed: &mut Observed) -> Result<(), Error> {
    observed.compose = compose_projects::find(docker, all)?;
    for (name, container) in observed.compose.iter().flat_map(Project::replaced) {
        observed.containers.remove(name);
        let ports = &container.host_ports;
        observed.taken_ports.retain(|port| !ports.contains(port));
        observed
            .port_holders
            .retain(|port, _| !ports.contains(port));
    }
    Ok(())
}

async fn containers(
    client: &Client,
    owners: &Owners<'_>,
    docker: &DockerDesired,
    observed: &mut Observed,
) -> Result<(), Error> {
    let mut relevant = Vec::new();
    for listed in client.containers().await? {
        if let Some(source) = listed.labels.get(label::COPY_OF) {
            let own = belongs(owners.scope, &listed.labels);
            let volume = compose::copied(&listed.name).filter(|_| own);
            let copier = volume.map(|volume| (volume.to_owned(), source.clone()));
            observed.copiers.extend(copier);
            continue;
        }
        let object = owners.classify("container", &listed, &mut observed.doubtful);
        let plain = listed.name.strip_suffix(SUCCESSOR).unwrap_or(&listed.name);
        if object.ownership != Ownership::Unmanaged || docker.containers.contains_key(plain) {
            relevant.push((listed, object));
        } else {
            for port in listed.host_ports {
                observed.taken_ports.insert(port);
                observed.port_holders.insert(port, listed.name.clone());
            }
        }
    }
    let inspected = stream::iter(relevant)
        .map(|(listed, object)| async move {
            let found = client.inspect(&listed.id).await?;
            Ok::<_, Error>(found.map(|found| {
                let recorded = owners.known.settings(&object.id).cloned();
                let container = ObservedContainer {
                    object,
                    state: found.state,
                    config_hash: listed.labels.get(label::CONFIG_HASH).cloned(),
                    config_fields: listed.labels.get(label::CONFIG_FIELDS).cloned(),
                    image: found.image,
                    image_id: found.image_id,
                    published: found.published,
                    addresses: found.addresses,
                    networks: found.networks,
                    joined: found.joined,
                    started_at: sortable(&found.started_at),
                    settings: found.settings,
                    recorded,
                    process: ProcessDrift::default(),
                };
                (listed.name, container)
            }))
        })
        .buffered(PARALLEL)
        .try_collect::<Vec<_>>()
        .await?;
    observed.containers = inspected.into_iter().flatten().collect();
    Ok(())
}

/// Compares the process in each container whose labels match the desired state:
/// environment, command, and secrets mounted as files.
async fn processes(
    client: &Client,
    docker: &DockerDesired,
    secrets: &Secrets,
    observed: &mut Observed,
) -> Result<(), Error> {
    let mut images: BTreeMap<String, Option<BTreeMap<String, String>>> = BTreeMap::new();
    for (name, container) in &docker.containers {
        let Some(existing) = observed.containers.get_mut(name) else {
            continue;
        };
        if existing.config_hash.as_deref() != Some(&container.config_hash()) {
            continue;
        }
        if !images.contains_key(&existing.image_id) {
            let env = client.image_env(&existing.image_id).await?;
            images.insert(existing.image_id.clone(), env);
        }
        let image = images.get(&existing.image_id).and_then(Option::as_ref);
        let mut files = BTreeMap::new();
        for (path, mount) in &container.mounts {
            if let Mount::Secret(secret) = mount
                && let Some(content) = client.file(&existing.object.id, path).await
            {
                files.insert((path.clone(), secret.clone()), content);
            }
        }
        if let Some(found) = client.inspect(&existing.object.id).await? {
            existing.process = drift::process(container, &found.process, image, &files, secrets);
        }
    }
    Ok(())
}

/// Finds the running containers on the scope's networks that are not of the scope.
pub(crate) async fn guests(client: &Client, observed: &Observed) -> Result<Vec<Guest>, Error> {
    let mut guests = Vec::new();
    for (name, network) in &observed.networks {
        if network.ownership != Ownership::Owned {
            continue;
        }
        let users = client.users(&network.id).await?.into_iter();
        // Instances are there because they share the component.
        let expected = |user: &String| {
            observed.containers.contains_key(user) || observed.sharers.contains_key(user)
        };
        let others = users.filter(|(user, _)| !expected(user));
        guests.extend(others.map(|(user, id)| Guest {
            network: name.clone(),
            name: user,
            id,
        }));
    }
    Ok(guests)
}

/// Checks the readiness of the existing containers.
pub(crate) async fn readiness(
    desired: &Desired,
    docker: &DockerDesired,
    check: &ReadinessCheck<'_>,
    observed: &mut Observed,
) -> Result<(), Error> {
    let existing = docker
        .containers
        .iter()
        .filter(|(name, container)| {
            observed.containers.contains_key(*name) && counts_for_readiness(docker, container)
        })
        .map(|(name, container)| async move {
            let component = desired.components.get(&container.component);
            let until = if component.is_some_and(|component| component.job) {
                Until::Completed
            } else {
                Until::Healthy
            };
            let answer = check.run(name, container, until).await?;
            Ok::<_, Error>((name.clone(), answer))
        });
    let readiness = stream::iter(existing)
        .buffered(PARALLEL)
        .try_collect::<BTreeMap<_, _>>()
        .await?;
    observed.readiness = readiness;
    Ok(())
}

/// Pads the fraction of the engine's time, `2026-01-02T03:04:05.6Z`, so that
/// times sort as texts.
fn sortable(time: &str) -> String {
    let time = time.trim_end_matches('Z');
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{fraction:0<9}")
}

/// Returns true for labels of objects of a scope.
pub(crate) fn belongs(scope: &Scope, labels: &BTreeMap<String, String>) -> bool {
    labels.get(label::SYSTEM) == Some(&scope.system)
        && labels.get(label::TARGET) == Some(&scope.target)
        && labels.get(label::INSTANCE) == scope.instance.as_ref()
}

/// Finds the host ports that other programs on this machine hold, among those
/// that reconcile may assign.
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
