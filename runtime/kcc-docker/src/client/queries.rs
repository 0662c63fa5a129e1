//! Read-only calls.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bollard::{
    models::{
        ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummaryStateEnum,
        EndpointSettings, EventMessage, HealthConfig, HealthStatusEnum, HostConfig, PortBinding,
        PortMap,
    },
    query_parameters::{
        DownloadFromContainerOptions, EventsOptions, InspectContainerOptions,
        ListContainersOptions, ListNetworksOptions, ListVolumesOptions, LogsOptions,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use jiff::Timestamp;
use kcc_diag::Code;
use kcc_plan::Error;
use serde_json::Value;

use super::{Client, is_missing, refused};
use crate::{
    engine_image::EngineImage,
    observed::{Attachment, ContainerState, ObservedImage, label},
};

/// The period of events to query; the engine keeps the last 256 of all objects.
const EVENTS: Duration = Duration::from_mins(5);

/// The bytes of an archive that tell about its first entry and whether there are more.
const ARCHIVE_START: usize = 8 << 10;

/// A directory in a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directory {
    pub(crate) uid: u64,
    pub(crate) mode: u32,
    pub(crate) is_empty: bool,
}

/// A container, network or volume in a listing.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// The host ports that lead to it; containers only.
    pub(crate) host_ports: BTreeSet<u16>,
    /// Set if it is a running container.
    pub(crate) running: bool,
    /// The named volumes by path; containers only.
    pub(crate) volumes: BTreeMap<String, String>,
    /// The networks that it is connected to; containers only.
    pub(crate) networks: BTreeSet<String>,
}

/// Something that happened on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EngineEvent {
    /// The kind of the object: `container`, `network`, `volume` or `image`.
    pub(crate) kind: String,
    /// The action, which may have a suffix: `exec_create: ls`.
    pub(crate) action: String,
    /// The identity of the object.
    pub(crate) id: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The time by the engine's clock.
    pub(crate) at: Option<Timestamp>,
}

impl EngineEvent {
    fn of(event: EventMessage) -> Self {
        let actor = event.actor.unwrap_or_default();
        let time = event.time_nano;
        Self {
            kind: event.typ.map(|kind| kind.to_string()).unwrap_or_default(),
            action: event.action.unwrap_or_default(),
            id: actor.id.unwrap_or_default(),
            attributes: sorted(actor.attributes),
            at: time.and_then(|time| Timestamp::from_nanosecond(time.into()).ok()),
        }
    }
}

/// The result of the engine's health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineHealth {
    /// There is no result yet.
    Starting,
    Healthy,
    /// It failed, with its last output.
    Failing(String),
}

/// A container in full.
#[derive(Clone)]
pub(crate) struct Inspected {
    pub(crate) id: String,
    /// The time of its last start, as the engine formats it.
    pub(crate) started_at: String,
    /// The times of its creation and of its last end, likewise.
    pub(crate) created_at: String,
    pub(crate) finished_at: String,
    /// The time it has been running, and ended, by the engine's clock.
    pub(crate) uptime: Duration,
    pub(crate) ended_for: Duration,
    pub(crate) state: ContainerState,
    /// The reference that it was created from, and the identity of its image.
    pub(crate) image: String,
    pub(crate) image_id: String,
    /// The host ports that it was created with, by port and protocol.
    pub(crate) published: BTreeMap<(u16, String), u16>,
    /// The host addresses at which its ports are reachable while it runs.
    pub(crate) addresses: BTreeMap<(u16, String), Vec<SocketAddr>>,
    /// The networks that it is connected to.
    pub(crate) networks: BTreeMap<String, Attachment>,
    /// True if it uses the network of the host.
    pub(crate) on_host: bool,
    /// The identity of the container whose network it shares.
    pub(crate) joined: Option<String>,
    /// The result of the engine's health check.
    pub(crate) health: Option<EngineHealth>,
    /// The command of the engine's health check.
    pub(crate) health_command: Option<Vec<String>>,
    pub(crate) restarts: i64,
    /// The last exit code.
    pub(crate) exit_code: i64,
    /// The engine's reason why it does not run.
    pub(crate) error: Option<String>,
    pub(crate) out_of_memory: bool,
    /// Its memory limit in bytes, if it has one.
    pub(crate) memory: Option<u64>,
    /// The process it runs. Contains the values of secrets.
    pub(crate) process: Process,
    /// The settings that can be changed while it exists, under the engine's names.
    pub(crate) settings: Value,
}

impl Inspected {
    /// Reads the engine's answer; `elapsed` returns the time since one of the engine's.
    pub(crate) fn of(
        container: ContainerInspectResponse,
        elapsed: impl Fn(&str) -> Duration,
    ) -> Self {
        let id = container.id.unwrap_or_default();
        let state = container.state.unwrap_or_default();
        let started_at = state.started_at.unwrap_or_default();
        let finished_at = state.finished_at.unwrap_or_default();
        let created_at = container.created.unwrap_or_default();
        let host = container.host_config.unwrap_or_default();
        let settings = settings(&host);
        let memory = host.memory.and_then(|bytes| u64::try_from(bytes).ok());
        let bindings = host.port_bindings;
        let config = container.config.unwrap_or_default();
        let joined = host
            .network_mode
            .as_deref()
            .and_then(|mode| mode.strip_prefix("container:"));
        let network_settings = container.network_settings.unwrap_or_default();
        let networks = network_settings.networks;
        let health = state.health.and_then(|health| {
            let last = health.log.and_then(|mut log| log.pop()?.output);
            match health.status? {
                HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => None,
                HealthStatusEnum::HEALTHY => Some(EngineHealth::Healthy),
                _ => Some(last.map_or(EngineHealth::Starting, |last| {
                    EngineHealth::Failing(last.trim().to_owned())
                })),
            }
        });
        Self {
            uptime: elapsed(&started_at),
            ended_for: elapsed(&finished_at),
            finished_at,
            started_at,
            created_at,
            state: state_of(state.status, state.exit_code),
            image: config.image.unwrap_or_default(),
            image_id: container.image.unwrap_or_default(),
            published: published(bindings),
            addresses: addresses(network_settings.ports),
            networks: networks
                .unwrap_or_default()
                .into_iter()
                .map(|(name, end)| (name, attached(end, &id)))
                .collect(),
            on_host: host.network_mode.as_deref() == Some("host"),
            joined: joined.map(str::to_owned),
            health,
            health_command: config.healthcheck.and_then(health_command),
            restarts: container.restart_count.unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            error: state.error.filter(|error| !error.is_empty()),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            memory: memory.filter(|bytes| *bytes > 0),
            process: Process {
                entrypoint: config.entrypoint,
                command: config.cmd,
                user: config.user,
                env: variables(config.env),
            },
            settings,
            id,
        }
    }
}

/// The process in a container. Has no `Debug`: the environment holds secrets.
#[derive(Clone, Default)]
pub(crate) struct Process {
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) user: Option<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Client {
    /// Lists all containers, including unmanaged ones.
    pub(crate) async fn containers(&self) -> Result<Vec<Listed>, Error> {
        let options = ListContainersOptions {
            all: true,
            ..Default::default()
        };
        let list = self.docker.list_containers(Some(options)).await;
        let list = list.map_err(|error| refused("list", "containers", error))?;
        Ok(list
            .into_iter()
            .map(|container| Listed {
                name: name(container.names),
                id: container.id.unwrap_or_default(),
                labels: sorted(container.labels),
                volumes: container
                    .mounts
                    .into_iter()
                    .flatten()
                    .filter_map(|mount| Some((mount.destination?, mount.name?)))
                    .collect(),
                networks: container
                    .network_settings
                    .and_then(|settings| settings.networks)
                    .into_iter()
                    .flat_map(HashMap::into_keys)
                    .collect(),
                running: container.state == Some(ContainerSummaryStateEnum::RUNNING),
                host_ports: match container.state {
                    Some(ContainerSummaryStateEnum::EXITED) => BTreeSet::new(),
                    _ => container
                        .ports
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(|port| port.public_port)
                        .collect(),
                },
            })
            .collect())
    }

    /// Lists all networks, including unmanaged ones.
    pub(crate) async fn networks(&self) -> Result<Vec<Listed>, Error> {
        let list = self.docker.list_networks(None::<ListNetworksOptions>).await;
        let list = list.map_err(|error| refused("list", "networks", error))?;
        Ok(list
            .into_iter()
            .map(|network| Listed {
                name: network.name.unwrap_or_default(),
                id: network.id.unwrap_or_default(),
                labels: sorted(network.labels),
                host_ports: BTreeSet::new(),
                running: false,
                volumes: BTreeMap::new(),
                networks: BTreeSet::new(),
            })
            .collect())
    }

    /// Returns the running containers on a network: their identities by name.
    pub(crate) async fn users(&self, id: &str) -> Result<BTreeMap<String, String>, Error> {
        let found = self.docker.inspect_network(id, None).await;
        let found = found.map_err(|error| refused("inspect network", id, error))?;
        let containers = found.containers.unwrap_or_default();
        Ok(containers
            .into_iter()
            .filter_map(|(id, end)| Some((end.name?, id)))
            .collect())
    }

    /// Lists all volumes, including unmanaged ones. A volume's name is its identity.
    pub(crate) async fn volumes(&self) -> Result<Vec<Listed>, Error> {
        let list = self.docker.list_volumes(None::<ListVolumesOptions>).await;
        let list = list.map_err(|error| refused("list", "volumes", error))?;
        Ok(list
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| Listed {
                id: volume.name.clone(),
                name: volume.name,
                labels: sorted(Some(volume.labels)),
                host_ports: BTreeSet::new(),
                running: false,
                volumes: BTreeMap::new(),
                networks: BTreeSet::new(),
            })
            .collect())
    }

    /// Describes an image, if it exists.
    pub(crate) async fn described_image(
        &self,
        reference: &str,
    ) -> Result<Option<EngineImage>, Error> {
        match self.docker.inspect_image(reference).await {
            Ok(image) => Ok(Some(EngineImage {
                // A struct of texts and numbers always serialises.
                config: serde_json::to_value(image.config).unwrap_or_default(),
                os: image.os.unwrap_or_default(),
                architecture: image.architecture.unwrap_or_default(),
                variant: image.variant,
                digests: image.repo_digests.unwrap_or_default(),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused("inspect image", reference, error)),
        }
    }

    /// Streams the archive of an image.
    pub(crate) fn export_image(
        &self,
        reference: &str,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + use<'_> {
        let reference = reference.to_owned();
        let stream = self.docker.export_image(&reference);
        stream.map(move |piece| piece.map_err(|error| refused("export image", &reference, error)))
    }

    /// Returns an image, if it exists.
    pub(crate) async fn image(&self, reference: &str) -> Result<Option<ObservedImage>, Error> {
        match self.docker.inspect_image(reference).await {
            Ok(image) => {
                let config = image.config.unwrap_or_default();
                let labels = sorted(config.labels);
                Ok(Some(ObservedImage {
                    id: image.id.unwrap_or_default(),
                    context_hash: labels.get(label::CONTEXT_HASH).cloned(),
                    user: config.user.unwrap_or_default(),
                    platform: format!(
                        "{}/{}",
                        image.os.unwrap_or_default(),
                        image.architecture.unwrap_or_default()
                    ),
                    digests: image.repo_digests.unwrap_or_default(),
                    has_health_check: config.healthcheck.and_then(health_command).is_some(),
                }))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused("inspect image", reference, error)),
        }
    }

    /// Returns a container in full, if it exists.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<Inspected>, Error> {
        let found = self
            .docker
            .inspect_container(name, None::<InspectContainerOptions>)
            .await;
        let container = match found {
            Ok(container) => container,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(refused("inspect container", name, error)),
        };
        let elapsed = |time: &str| self.clock.elapsed_since(time);
        Ok(Some(Inspected::of(container, elapsed)))
    }

    /// Returns the variables that an image sets; none if the image is gone.
    pub(crate) async fn image_env(
        &self,
        id: &str,
    ) -> Result<Option<BTreeMap<String, String>>, Error> {
        match self.docker.inspect_image(id).await {
            Ok(image) => Ok(Some(variables(image.config.and_then(|config| config.env)))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused("inspect image", id, error)),
        }
    }

    /// Returns the content of a file in a container, if it exists.
    pub(crate) async fn file(&self, id: &str, path: &str) -> Option<Vec<u8>> {
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let stream = self.docker.download_from_container(id, Some(options));
        let mut stream = Box::pin(stream);
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece.ok()?);
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut content = Vec::new();
        let mut entry = archive.entries().ok()?.next()?.ok()?;
        entry.read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// Returns a directory of a container, which need not be running, if it exists.
    pub(crate) async fn directory(&self, id: &str, path: &str) -> Option<Directory> {
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let stream = self.docker.download_from_container(id, Some(options));
        let mut stream = Box::pin(stream);
        let mut bytes = Vec::new();
        // A volume may be large, and the first entry is the directory itself.
        while bytes.len() < ARCHIVE_START
            && let Some(piece) = stream.next().await
        {
            bytes.extend_from_slice(&piece.ok()?);
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut entries = archive.entries().ok()?;
        let header = entries.next()?.ok()?.header().clone();
        Some(Directory {
            uid: header.uid().ok()?,
            mode: header.mode().ok()?,
            is_empty: entries.next().is_none(),
        })
    }

    /// Returns the events since a time that the engine retains, the oldest first.
    pub(crate) async fn events_since(&self, since: Timestamp) -> Result<Vec<EngineEvent>, Error> {
        let now = self.clock.now();
        let options = EventsOptions {
            since: Some(since.as_second().to_string()),
            // The engine answers at once if that time is over.
            until: Some(format!("{}.{:09}", now.as_secs(), now.subsec_nanos())),
            filters: None,
        };
        let mut stream = Box::pin(self.docker.events(Some(options)));
        let mut events = Vec::new();
        let read = async {
            while let Some(event) = stream.next().await {
                let event = event.map_err(|error| refused("read", "events", error))?;
                events.push(EngineEvent::of(event));
            }
            Ok(())
        };
        // The stream ends at `until`, unless the engine's clock jumps.
        let ended = tokio::time::timeout(Duration::from_secs(3), read).await;
        ended.unwrap_or_else(|_| {
            let message = "the engine did not finish the list of its events";
            Err(Error::new(Code::PlanDockerUnreachable, message)
                .help("run the command again; the engine's clock may have jumped"))
        })?;
        Ok(events)
    }

    /// Returns the events from a time on as they come; without one from now on.
    pub(crate) fn follow_events(
        &self,
        from: Option<Timestamp>,
    ) -> BoxStream<'_, Result<EngineEvent, Error>> {
        let since = from.map(|from| {
            let (seconds, rest) = (from.as_second(), from.subsec_nanosecond());
            format!("{seconds}.{rest:09}")
        });
        let options = EventsOptions {
            since,
            ..EventsOptions::default()
        };
        let events = self.docker.events(Some(options));
        let events = events.map(|event| match event {
            Ok(event) => Ok(EngineEvent::of(event)),
            Err(error) => Err(refused("read", "events", error)),
        });
        events.boxed()
    }

    /// Returns the exit code of the previous run, from the engine's events.
    pub(crate) async fn last_exit_code(&self, id: &str) -> Option<i64> {
        let now = self.clock.now().as_secs();
        let filter = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
        let options = EventsOptions {
            since: Some(now.saturating_sub(EVENTS.as_secs()).to_string()),
            until: Some(now.to_string()),
            filters: Some(HashMap::from([
                filter("container", id),
                filter("event", "die"),
            ])),
        };
        let mut stream = Box::pin(self.docker.events(Some(options)));
        let mut last = None;
        let read = async {
            while let Some(Ok(event)) = stream.next().await {
                let attributes = event.actor.and_then(|actor| actor.attributes);
                last = attributes
                    .and_then(|mut all| all.remove("exitCode"))
                    .or(last.take());
            }
        };
        // The stream ends at `until`, unless the engine's clock jumps.
        let _ = tokio::time::timeout(Duration::from_secs(2), read).await;
        last?.parse().ok()
    }

    /// Returns the last lines of a container's log.
    pub(crate) async fn last_lines(&self, name: &str, lines: usize) -> Vec<String> {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            tail: lines.to_string(),
            ..LogsOptions::default()
        };
        let mut stream = Box::pin(self.docker.logs(name, Some(options)));
        let mut text = String::new();
        // Logs only explain a failure, so errors in reading them are ignored.
        while let Some(Ok(part)) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(&part.into_bytes()));
        }
        let all: Vec<_> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        all.iter()
            .skip(all.len().saturating_sub(lines))
            .map(|line| (*line).to_owned())
            .collect()
    }
}

/// Returns the command of a health check; none if there is no check.
fn health_command(check: HealthConfig) -> Option<Vec<String>> {
    let test = check.test?;
    let (kind, rest) = test.split_first()?;
    match kind.as_str() {
        "CMD" => Some(rest.to_vec()),
        "CMD-SHELL" => {
            let shell = ["/bin/sh", "-c"].map(str::to_owned).into_iter();
            Some(shell.chain(rest.iter().cloned()).collect())
        }
        _ => None,
    }
}

fn state_of(status: Option<ContainerStateStatusEnum>, code: Option<i64>) -> ContainerState {
    match status {
        Some(ContainerStateStatusEnum::CREATED) => ContainerState::Created,
        Some(ContainerStateStatusEnum::RUNNING) => ContainerState::Running,
        Some(ContainerStateStatusEnum::PAUSED) => ContainerState::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => ContainerState::Restarting,
        Some(ContainerStateStatusEnum::EXITED) => ContainerState::Exited(code.unwrap_or_default()),
        _ => ContainerState::Dead,
    }
}

fn attached(end: EndpointSettings, container: &str) -> Attachment {
    let own = |alias: &String| !container.starts_with(alias.as_str());
    Attachment {
        network: end.network_id.unwrap_or_default(),
        address: end.ip_address.filter(|address| !address.is_empty()),
        // The engine adds the container's own identity.
        aliases: end
            .aliases
            .unwrap_or_default()
            .into_iter()
            .filter(own)
            .collect(),
    }
}

/// Returns the settings that are set; engines differ in how they show unset ones.
fn settings(host: &HostConfig) -> Value {
    // Structs of texts and numbers always serialise.
    let mut settings = serde_json::to_value(host).unwrap_or_default();
    if let Value::Object(fields) = &mut settings {
        fields.retain(|_, value| !is_unset(value));
    }
    settings
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_unset),
    }
}

fn variables(list: Option<Vec<String>>) -> BTreeMap<String, String> {
    let split = |entry: String| {
        let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
        (name.to_owned(), value.to_owned())
    };
    list.unwrap_or_default().into_iter().map(split).collect()
}

/// Returns the host addresses of each port; `0.0.0.0` stands for `[::]` as well.
fn addresses(ports: Option<PortMap>) -> BTreeMap<(u16, String), Vec<SocketAddr>> {
    let mut out = BTreeMap::new();
    let ports: BTreeMap<_, _> = ports.unwrap_or_default().into_iter().collect();
    for (key, ends) in ports {
        let Some((port, protocol)) = key.split_once('/') else {
            continue;
        };
        let address = |end: PortBinding| {
            let ip = end.host_ip.filter(|ip| !ip.is_empty());
            let ip: IpAddr = ip.as_deref().unwrap_or("0.0.0.0").parse().ok()?;
            Some(SocketAddr::new(ip, end.host_port?.parse().ok()?))
        };
        let mut all: Vec<_> = ends
            .unwrap_or_default()
            .into_iter()
            .filter_map(address)
            .collect();
        all.sort();
        let v4 = |port: u16| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
        let doubled = |end: &SocketAddr| {
            end.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && all.contains(&v4(end.port()))
        };
        let all: Vec<_> = all.iter().filter(|end| !doubled(end)).copied().collect();
        if let (Ok(port), false) = (port.parse(), all.is_empty()) {
            out.insert((port, protocol.to_owned()), all);
        }
    }
    out
}

fn published(bindings: Option<PortMap>) -> BTreeMap<(u16, String), u16> {
    let mut out = BTreeMap::new();
    // A sorted map, because the engine's order must not matter.
    let bindings: BTreeMap<_, _> = bindings.unwrap_or_default().into_iter().collect();
    for (key, ends) in bindings {
        let Some((port, protocol)) = key.split_once('/') else {
            continue;
        };
        let host = ends
            .unwrap_or_default()
            .into_iter()
            .find_map(|end| end.host_port?.parse().ok());
        if let (Ok(port), Some(host)) = (port.parse(), host) {
            out.insert((port, protocol.to_owned()), host);
        }
    }
    out
}

fn name(names: Option<Vec<String>>) -> String {
    // Links to a container are listed among its names, with another slash.
    let names = names.unwrap_or_default();
    let own = names
        .iter()
        .filter_map(|name| name.strip_prefix('/'))
        .find(|name| !name.contains('/'));
    own.unwrap_or_default().to_owned()
}

fn sorted(labels: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    labels.unwrap_or_default().into_iter().collect()
}
