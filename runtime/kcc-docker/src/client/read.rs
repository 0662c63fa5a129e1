//! Calls that only look.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::{
    models::{ContainerStateStatusEnum, ContainerSummaryStateEnum, HealthStatusEnum},
    query_parameters::{
        InspectContainerOptions, ListContainersOptions, ListNetworksOptions, ListVolumesOptions,
        LogsOptions,
    },
};
use futures_util::StreamExt;
use kcc_plan::Error;

use super::{Client, is_missing, refused};
use crate::observed::{ContainerState, ObservedImage, label};

/// A container, network or volume as a list shows it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Host ports that lead to it; containers only.
    pub(crate) host_ports: BTreeSet<u16>,
}

/// What an engine's own check of a container says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineHealth {
    /// It has not answered yet.
    Starting,
    Healthy,
    /// It fails, and its last answer.
    Failing(String),
}

/// A container in full.
#[derive(Debug, Clone)]
pub(crate) struct Inspected {
    pub(crate) id: String,
    /// When it started last, in the engine's words.
    pub(crate) started_at: String,
    pub(crate) state: ContainerState,
    pub(crate) image_id: String,
    /// Host ports that it was made with, by port and protocol.
    pub(crate) published: BTreeMap<(u16, String), u16>,
    /// Its addresses by network; empty while it does not run.
    pub(crate) networks: BTreeMap<String, Option<String>>,
    /// The identity of the container whose network it shares.
    pub(crate) joined: Option<String>,
    /// What the engine's own check says.
    pub(crate) health: Option<EngineHealth>,
    pub(crate) restarts: i64,
    /// The code with which it ended last.
    pub(crate) exit_code: i64,
    /// The engine's reason why it does not run.
    pub(crate) error: Option<String>,
    pub(crate) out_of_memory: bool,
}

impl Client {
    /// Whether the engine runs in a virtual machine of this machine's.
    pub(crate) async fn in_machine(&self) -> Result<bool, Error> {
        let info = self.docker.info().await;
        let info = info.map_err(|error| refused("describe", "itself", error))?;
        Ok(info
            .operating_system
            .is_some_and(|name| name.contains("Docker Desktop")))
    }

    /// All containers, of whomever.
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

    /// All networks, of whomever.
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
            })
            .collect())
    }

    /// Whether containers are on a network.
    pub(crate) async fn is_used(&self, id: &str) -> Result<bool, Error> {
        let found = self.docker.inspect_network(id, None).await;
        let found = found.map_err(|error| refused("inspect network", id, error))?;
        Ok(found
            .containers
            .is_some_and(|containers| !containers.is_empty()))
    }

    /// All volumes, of whomever. A volume has no identity but its name.
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
            })
            .collect())
    }

    /// An image, if it is there.
    pub(crate) async fn image(&self, reference: &str) -> Result<Option<ObservedImage>, Error> {
        match self.docker.inspect_image(reference).await {
            Ok(image) => {
                let labels = sorted(image.config.and_then(|config| config.labels));
                Ok(Some(ObservedImage {
                    id: image.id.unwrap_or_default(),
                    context_hash: labels.get(label::CONTEXT_HASH).cloned(),
                }))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused("inspect image", reference, error)),
        }
    }

    /// A container in full, if it is there.
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
        let state = container.state.unwrap_or_default();
        let host = container.host_config.unwrap_or_default();
        let bindings = host.port_bindings;
        let joined = host
            .network_mode
            .as_deref()
            .and_then(|mode| mode.strip_prefix("container:"));
        let networks = container
            .network_settings
            .and_then(|settings| settings.networks);
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
        Ok(Some(Inspected {
            id: container.id.unwrap_or_default(),
            started_at: state.started_at.unwrap_or_default(),
            state: state_of(state.status, state.exit_code),
            image_id: container.image.unwrap_or_default(),
            published: published(bindings),
            networks: networks
                .unwrap_or_default()
                .into_iter()
                .map(|(name, end)| (name, end.ip_address.filter(|address| !address.is_empty())))
                .collect(),
            joined: joined.map(str::to_owned),
            health,
            restarts: container.restart_count.unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            error: state.error.filter(|error| !error.is_empty()),
            out_of_memory: state.oom_killed.unwrap_or_default(),
        }))
    }

    /// The last lines that a container wrote.
    pub(crate) async fn last_lines(&self, name: &str, lines: usize) -> Vec<String> {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            tail: lines.to_string(),
            ..LogsOptions::default()
        };
        let mut stream = Box::pin(self.docker.logs(name, Some(options)));
        let mut text = String::new();
        // Logs explain a failure; without them there is still the failure.
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

fn published(bindings: Option<bollard::models::PortMap>) -> BTreeMap<(u16, String), u16> {
    let mut out = BTreeMap::new();
    // Copied into a sorted map: the order of the engine's does not matter.
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
    // Links to a container are among its names, with one more slash.
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
