//! Creates containers: translates kcc's type into the engine's request.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bollard::{
    models::{
        ContainerCreateBody, ContainerStateStatusEnum, DeviceMapping, DeviceRequest,
        EndpointSettings, HealthConfig, HostConfig, Mount as EngineMount, MountBindOptions,
        MountBindOptionsPropagationEnum, MountType, NetworkConnectRequest, NetworkingConfig,
        PortBinding, RestartPolicy, RestartPolicyNameEnum,
    },
    query_parameters::{CreateContainerOptions, InspectContainerOptions},
};
use kcc_diag::Code;
use kcc_lower::docker::{Container, HealthCheck, Mount, Restart, tmpfs_options};
use kcc_model::{Check, Propagation};
use kcc_plan::Error;

use super::{Client, is_conflict, is_missing, refused};
use crate::payload::NewContainer;

/// The scheduling period, of which a CPU limit is a part. Unlike the engine's own
/// setting for cores, a quota may exceed the machine.
const PERIOD: i64 = 100_000;
/// The most time between two checks of a starting container, in milliseconds.
const START_INTERVAL_MS: u64 = 1_000;

/// The number of times to look for a container that the engine is still creating for a
/// killed command, and the interval.
const UNFINISHED_TRIES: u32 = 100;
const UNFINISHED_PAUSE: Duration = Duration::from_millis(100);

/// The resources of other containers, by identity, that a container joins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shares<'a> {
    /// The container whose network it joins.
    pub(crate) network: Option<&'a str>,
    /// The container whose shared directories it mounts.
    pub(crate) directories: Option<&'a str>,
}

impl Client {
    /// Creates a container without starting it and returns its identity. `env`
    /// holds resolved secrets, so it must not reach any message.
    pub(crate) async fn create(
        &self,
        name: &str,
        new: &NewContainer,
        env: Vec<String>,
        shares: Shares<'_>,
    ) -> Result<String, Error> {
        let options = CreateContainerOptions {
            name: Some(name.to_owned()),
            platform: new.container.platform.clone().unwrap_or_default(),
        };
        // Engines before 25 accept only one network on creation.
        let first = new.container.networks.iter().next();
        let body =
            body(new, first, env, shares).map_err(|error| refused_patch(name).cause(error))?;
        self.create_alone(name, &options, &body, &new.labels).await
    }

    /// Connects a container to another network.
    pub(crate) async fn connect_network(
        &self,
        network: &str,
        id: &str,
        aliases: &[String],
    ) -> Result<(), Error> {
        let request = NetworkConnectRequest {
            container: id.to_owned(),
            endpoint_config: Some(endpoint(aliases)),
        };
        let call = self.docker.connect_network(network, request);
        let connected = self.mutate("connect-network", call).await?;
        connected.map_err(|error| refused("connect a container to network", network, error))
    }

    /// Creates a container under a name that was free when kcc looked. The engine may
    /// still have been creating one for a command that was killed: it is removed.
    async fn create_alone(
        &self,
        name: &str,
        options: &CreateContainerOptions,
        body: &ContainerCreateBody,
        labels: &BTreeMap<String, String>,
    ) -> Result<String, Error> {
        let mut left = UNFINISHED_TRIES;
        loop {
            let (options, body) = (Some(options.clone()), body.clone());
            let call = self.docker.create_container(options, body);
            match self.mutate("create-container", call).await? {
                Ok(created) => return Ok(created.id),
                Err(error) if is_conflict(&error) && left > 0 => {
                    if !self.remove_unfinished(name, labels).await? {
                        return Err(refused("create container", name, error));
                    }
                    left -= 1;
                }
                Err(error) => return Err(refused("create container", name, error)),
            }
        }
    }

    /// Removes a container that never ran, with exactly these labels. Returns false if
    /// another one has the name. The engine takes a name before the container is there.
    async fn remove_unfinished(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let options = None::<InspectContainerOptions>;
        let container = match self.docker.inspect_container(name, options).await {
            Ok(container) => container,
            Err(error) if is_missing(&error) => {
                tokio::time::sleep(UNFINISHED_PAUSE).await;
                return Ok(true);
            }
            Err(error) => return Err(refused("inspect container", name, error)),
        };
        let status = container.state.and_then(|state| state.status);
        let own = container.config.and_then(|config| config.labels);
        let own = own.unwrap_or_default();
        let is_same = |(label, value): (&String, &String)| own.get(label) == Some(value);
        if status != Some(ContainerStateStatusEnum::CREATED) || !labels.iter().all(is_same) {
            return Ok(false);
        }
        let id = container.id.unwrap_or_default();
        self.remove(&id, name).await?;
        Ok(true)
    }
}

fn body(
    new: &NewContainer,
    network: Option<(&String, &Vec<String>)>,
    env: Vec<String>,
    shares: Shares<'_>,
) -> Result<ContainerCreateBody, serde_json::Error> {
    let container = &new.container;
    // The component's patch uses the engine's own names; the fields that kcc
    // writes take precedence.
    let mut added: ContainerCreateBody = match &container.docker {
        Some(patch) => serde_json::from_value(serde_json::to_value(patch)?)?,
        None => ContainerCreateBody::default(),
    };
    let host = added.host_config.take().unwrap_or_default();
    Ok(ContainerCreateBody {
        image: Some(container.image.clone()),
        entrypoint: container.command.clone(),
        cmd: container.args.clone(),
        working_dir: container.working_dir.clone(),
        user: container.user.clone(),
        env: Some(env),
        labels: Some(new.labels.clone().into_iter().collect()),
        healthcheck: container.health.as_ref().map(health),
        stop_timeout: i64::try_from(container.stop_timeout).ok(),
        exposed_ports: Some(
            new.ports
                .iter()
                .map(|p| port_key(p.container, p.protocol))
                .collect(),
        ),
        host_config: Some(host_config(
            new,
            network.map(|(name, _)| name.clone()),
            host,
            shares,
        )),
        networking_config: network.map(|(name, aliases)| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(name.clone(), endpoint(aliases))])),
        }),
        ..added
    })
}

fn host_config(
    new: &NewContainer,
    network: Option<String>,
    added: HostConfig,
    shares: Shares<'_>,
) -> HostConfig {
    let container = &new.container;
    let memory = container.memory.and_then(|bytes| i64::try_from(bytes).ok());
    let millis = container
        .cpu_millis
        .and_then(|millis| i64::try_from(millis).ok());
    // A privileged container has all capabilities; there are none to drop.
    let plain = !container.privileged;
    let directories = shares.directories.map(|id| vec![id.to_owned()]);
    HostConfig {
        network_mode: network
            .or(shares.network.map(|id| format!("container:{id}")))
            .or(container.host_network.then(|| "host".to_owned())),
        volumes_from: directories.or_else(|| added.volumes_from.clone()),
        memory,
        // No swap, as on Kubernetes, so that the limit is exact.
        memory_swap: memory,
        cpu_period: millis.map(|_| PERIOD),
        cpu_quota: millis.map(|millis| (millis * PERIOD / 1000).max(1000)),
        cpu_shares: container
            .cpu_shares
            .and_then(|shares| i64::try_from(shares).ok()),
        restart_policy: Some(restart(container.restart)),
        readonly_rootfs: Some(container.read_only),
        privileged: container.privileged.then_some(true),
        cap_drop: plain.then(|| container.dropped_capabilities()),
        cap_add: plain.then(|| container.add_capabilities.clone()),
        security_opt: (plain && !container.baseline)
            .then(|| vec!["no-new-privileges:true".to_owned()]),
        mounts: Some(mounts(container, shares)),
        tmpfs: Some(tmpfs(container)),
        port_bindings: Some(bindings(new)),
        device_requests: container
            .gpus
            .map(gpus)
            .or_else(|| added.device_requests.clone()),
        devices: (!container.devices.is_empty()).then(|| devices(container)),
        extra_hosts: extra_hosts(container).or_else(|| added.extra_hosts.clone()),
        ..added
    }
}

fn gpus(count: u32) -> Vec<DeviceRequest> {
    vec![DeviceRequest {
        count: Some(count.into()),
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    }]
}

fn devices(container: &Container) -> Vec<DeviceMapping> {
    let devices = container.devices.iter();
    let devices = devices.map(|device| DeviceMapping {
        path_on_host: Some(device.path.clone()),
        path_in_container: Some(device.mount.clone()),
        cgroup_permissions: Some("rwm".to_owned()),
    });
    devices.collect()
}

/// Returns the aliases of hosts; none leaves the field to a patch.
fn extra_hosts(container: &Container) -> Option<Vec<String>> {
    let hosts = container.extra_hosts().into_iter();
    let hosts: Vec<_> = hosts
        .map(|(name, address)| format!("{name}:{address}"))
        .collect();
    (!hosts.is_empty()).then_some(hosts)
}

fn refused_patch(container: &str) -> Error {
    let message = format!("the engine does not accept `docker` of container `{container}`");
    Error::new(Code::ApplyRefused, message)
}

fn bindings(new: &NewContainer) -> bollard::models::PortMap {
    let mut out = bollard::models::PortMap::new();
    for port in &new.ports {
        let binding = PortBinding {
            host_ip: port.address.map(|address| address.to_string()),
            host_port: Some(port.host.to_string()),
        };
        let key = port_key(port.container, port.protocol);
        out.entry(key)
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    out
}

fn mounts(container: &Container, shares: Shares<'_>) -> Vec<EngineMount> {
    let read_only = |path: &str| container.options(path).read_only.then_some(true);
    let propagation = |path: &str| {
        let propagation = match container.options(path).propagation? {
            Propagation::HostToContainer => MountBindOptionsPropagationEnum::RSLAVE,
            Propagation::Bidirectional => MountBindOptionsPropagationEnum::RSHARED,
        };
        Some(MountBindOptions {
            propagation: Some(propagation),
            ..MountBindOptions::default()
        })
    };
    let named = container
        .mounts
        .iter()
        .filter_map(|(path, mount)| match mount {
            Mount::Volume(volume) => Some(EngineMount {
                typ: Some(MountType::VOLUME),
                source: Some(volume.clone()),
                target: Some(path.clone()),
                read_only: read_only(path),
                ..EngineMount::default()
            }),
            Mount::Host(source) => Some(EngineMount {
                typ: Some(MountType::BIND),
                source: Some(source.clone()),
                target: Some(path.clone()),
                read_only: read_only(path),
                bind_options: propagation(path),
                ..EngineMount::default()
            }),
            // The first container creates it; it is removed with the last one.
            Mount::Shared(_) if shares.directories.is_none() => Some(EngineMount {
                typ: Some(MountType::VOLUME),
                target: Some(path.clone()),
                ..EngineMount::default()
            }),
            Mount::Shared(_) | Mount::Tmpfs(_) | Mount::Secret(_) => None,
        });
    // With a read-only root, files are written to an anonymous volume, which is
    // removed with the container.
    let writable = crate::files::writable_directories(container)
        .into_iter()
        .map(|directory| EngineMount {
            typ: Some(MountType::VOLUME),
            target: Some(directory),
            ..EngineMount::default()
        });
    named.chain(writable).collect()
}

fn tmpfs(container: &Container) -> HashMap<String, String> {
    let memory = container.mounts.iter();
    memory
        .filter_map(|(path, mount)| match mount {
            Mount::Tmpfs(volume) => Some((path.clone(), tmpfs_options(volume))),
            _ => None,
        })
        .collect()
}

fn health(health: &HealthCheck) -> HealthConfig {
    let Check::Exec(command) = &health.check else {
        // kcc probes by itself; a check of the image could contradict it.
        return HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        };
    };
    let nanos = |millis: u64| i64::try_from(millis.saturating_mul(1_000_000)).ok();
    let mut test = vec!["CMD".to_owned()];
    test.extend(command.iter().cloned());
    HealthConfig {
        test: Some(test),
        interval: nanos(health.interval_ms),
        timeout: nanos(health.timeout_ms),
        retries: Some(i64::from(health.retries)),
        start_period: nanos(health.start_period_ms),
        // Engines from 25 on check more often while a container starts; older
        // ones do not know the field.
        start_interval: (health.start_period_ms > 0)
            .then(|| nanos(health.interval_ms.min(START_INTERVAL_MS)))
            .flatten(),
    }
}

fn restart(restart: Restart) -> RestartPolicy {
    let (name, maximum_retry_count) = match restart {
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::OnFailure(times) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(times))),
    };
    RestartPolicy {
        name: Some(name),
        maximum_retry_count,
    }
}

fn endpoint(aliases: &[String]) -> EndpointSettings {
    EndpointSettings {
        aliases: Some(aliases.to_vec()),
        ..EndpointSettings::default()
    }
}

fn port_key(port: u16, protocol: &str) -> String {
    format!("{port}/{protocol}")
}
