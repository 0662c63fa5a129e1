//! The objects that a Docker engine should hold.
//!
//! These are kcc's own structs: the hash of a [`Container`] decides whether the
//! container is replaced, so it must not contain anything that a running container
//! would not notice.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use kcc_model::{
    Build, Device, EnvValue, Ephemeral, FileAccess, IpAddr, Name, Propagation, SecretProvider,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The objects of one target on a Docker engine, under their full names, which
/// include system, target and instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerDesired {
    /// Networks by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Network>,
    /// Volumes by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// Images by reference.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, Image>,
    /// Containers by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: BTreeMap<String, Container>,
    /// Secrets that containers refer to, by their name in the model.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<Name, SecretProvider>,
    /// The image that checks health in a `compose.yaml`, pinned to its digest; none if
    /// the target does not pin images, or its digest is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_image: Option<String>,
}

impl DockerDesired {
    /// Returns the containers of some components, and without the images, networks
    /// and volumes that only containers of others use.
    #[must_use]
    pub fn part(&self, is_part: impl Fn(&Name) -> bool) -> Self {
        let mut part = self.clone();
        part.containers
            .retain(|_, container| is_part(&container.component));
        let (used, all) = (Uses::of(&part.containers), Uses::of(&self.containers));
        let stays = |used: &BTreeSet<&str>, all: &BTreeSet<&str>, name: &str| {
            used.contains(name) || !all.contains(name)
        };
        part.images
            .retain(|reference, _| stays(&used.images, &all.images, reference));
        part.networks
            .retain(|name, _| stays(&used.networks, &all.networks, name));
        part.volumes
            .retain(|name, _| stays(&used.volumes, &all.volumes, name));
        part
    }
}

/// The names of the objects that containers use.
#[derive(Default)]
struct Uses<'a> {
    images: BTreeSet<&'a str>,
    networks: BTreeSet<&'a str>,
    volumes: BTreeSet<&'a str>,
}

impl<'a> Uses<'a> {
    fn of(containers: &'a BTreeMap<String, Container>) -> Self {
        let mut uses = Self::default();
        for container in containers.values().flat_map(Container::with_init) {
            uses.images.insert(&container.image);
            let networks = container.networks.keys();
            uses.networks.extend(networks.map(String::as_str));
            for mount in container.mounts.values() {
                if let Mount::Volume(volume) = mount {
                    uses.volumes.insert(volume);
                }
            }
        }
        uses
    }
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// The component that is reachable on it; none for components that are not
    /// reachable.
    pub component: Option<Name>,
    /// Labels, including kcc's.
    pub labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The component; none for a volume of the system, which components share.
    pub component: Option<Name>,
    /// The owning team.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub team: Name,
    /// Labels, including kcc's.
    pub labels: BTreeMap<String, String>,
}

/// An image, which has to exist before a container uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The alphabetically first component that uses it.
    pub component: Name,
    /// The platform to pull or build it for; the engine's if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The inputs of its build; without them it is pulled if absent.
    pub build: Option<Build>,
    /// Its digest in `kcc.lock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
}

/// A container, such as a replica of a component.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the engine's own, and any may be on with any other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The component.
    pub component: Name,
    /// The image reference.
    pub image: String,
    /// The entrypoint; the image's if none.
    pub command: Option<Vec<String>>,
    /// The arguments; the image's if none.
    pub args: Option<Vec<String>>,
    /// The platform of the image; the engine's if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The working directory.
    pub working_dir: Option<String>,
    /// The user; the image's if none.
    pub user: Option<String>,
    /// The environment; secrets are filled in when the container is created.
    pub env: BTreeMap<String, EnvValue>,
    /// Files written into the container before it starts, by path.
    pub files: BTreeMap<String, String>,
    /// Further files, in base64 because they are not text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub binary_files: BTreeMap<String, String>,
    /// Declared modes and owners of files and secrets, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access: BTreeMap<String, FileAccess>,
    /// Mounts by path.
    pub mounts: BTreeMap<String, Mount>,
    /// The declared options of mounts, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mount_options: BTreeMap<String, MountOptions>,
    /// Published ports.
    pub ports: Vec<Publish>,
    /// Networks by name, with the container's aliases on each.
    pub networks: BTreeMap<String, Vec<String>>,
    /// Uses the network of the host instead of networks.
    #[serde(default, skip_serializing_if = "is_false")]
    pub host_network: bool,
    /// Names that lead to the host, for components that use its network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_host: Vec<String>,
    /// Addresses of host names that no name server knows. Skipped in the hash if
    /// empty, so that containers created before this field existed keep their hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host_aliases: BTreeMap<String, IpAddr>,
    /// The health check.
    pub health: Option<HealthCheck>,
    /// Set if the health check of its image decides whether it is healthy. Not in the
    /// hash: the engine runs that check by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_image_health: bool,
    /// The memory limit in bytes.
    pub memory: Option<u64>,
    /// The CPU limit in thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// The relative CPU weight; 1024 is one requested core.
    pub cpu_shares: Option<u64>,
    /// The number of GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Devices of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// The restart policy.
    pub restart: Restart,
    /// Set if it is created but not started, since runs are started by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
    /// The grace period in seconds.
    pub stop_timeout: u64,
    /// Makes the root file system read-only.
    pub read_only: bool,
    /// Runs privileged. Skipped in the hash if false, so that containers created
    /// before this field existed keep their hash.
    #[serde(default, skip_serializing_if = "is_false")]
    pub privileged: bool,
    /// Allows root and keeps the engine's default capabilities; otherwise root is
    /// forbidden and only added capabilities remain. Skipped in the hash if false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub baseline: bool,
    /// Capabilities added to the profile's.
    pub add_capabilities: Vec<String>,
    /// Capabilities dropped from the default ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_capabilities: Vec<String>,
    /// Containers that have to complete before it starts, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The patch of the engine's create request. Skipped in the hash if empty, so
    /// that containers created before this field existed keep their hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<super::Patch>,
    /// Init steps, which run to completion one by one each time the container is
    /// created, before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init: Vec<InitStep>,
    /// The container that it is a sidecar of. It joins that container's network
    /// namespace and is replaced with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar_of: Option<String>,
    /// Labels of the fragments and of kcc, except the config hash.
    pub labels: BTreeMap<String, String>,
    /// Stops the old container before the new one starts. Not in the hash, since a
    /// running container does not notice.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recreate: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A container that runs to completion before another one starts and is then
/// removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitStep {
    /// The name in the model.
    pub name: Name,
    /// The container.
    pub container: Container,
}

/// The source of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mount {
    /// A volume of the target, by its full name.
    Volume(String),
    /// A tmpfs, which is removed with the container.
    Tmpfs(Ephemeral),
    /// A directory that the main container shares with its init steps and sidecars
    /// and that is removed with it; contains the volume's name in the model.
    Shared(Name),
    /// The value of a secret as a file, by its name in the model.
    Secret(Name),
    /// A directory or file of the host.
    Host(String),
}

/// The declared options of a mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountOptions {
    /// Keeps the container from writing to it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// The propagation of mounts below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
}

impl MountOptions {
    /// Returns the propagation by Docker's name.
    pub fn propagation_name(self) -> Option<&'static str> {
        self.propagation.map(|propagation| match propagation {
            Propagation::HostToContainer => "rslave",
            Propagation::Bidirectional => "rshared",
        })
    }
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// The number inside the container.
    pub container: u16,
    /// `tcp` or `udp`.
    #[serde(deserialize_with = "protocol")]
    pub protocol: ProtocolName,
    /// The number on the host. Without one the engine chooses a free port, which
    /// the planner keeps across replacements.
    pub host: Option<u16>,
    /// The address of the host that it is published on; all if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// The name of a protocol. An alias, because serde takes a field of the type itself
/// for one that borrows from its input.
type ProtocolName = &'static str;

fn protocol<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProtocolName, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "tcp" => Ok("tcp"),
        "udp" => Ok("udp"),
        other => Err(D::Error::custom(format!("unknown protocol `{other}`"))),
    }
}

/// A health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// The check. The engine can only run commands; kcc runs other checks while it
    /// waits.
    pub check: kcc_model::Check,
    /// The time before failures count, in milliseconds.
    pub start_period_ms: u64,
    /// The time between checks, in milliseconds.
    pub interval_ms: u64,
    /// The timeout of one check, in milliseconds.
    pub timeout_ms: u64,
    /// Consecutive failures until the container counts as unhealthy.
    pub retries: u32,
}

/// The restart policy of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Restart {
    /// Restarts it unless it was stopped.
    UnlessStopped,
    /// Never restarts it.
    No,
    /// Restarts it up to that many times after a failure.
    OnFailure(u32),
}

/// Returns the tmpfs options of a volume, in the syntax of Docker and compose.
/// `exec` is explicit, since Docker's default is `noexec`.
pub fn tmpfs_options(volume: &Ephemeral) -> String {
    let mut options = vec![if volume.exec { "exec" } else { "noexec" }.to_owned()];
    options.extend(volume.size.map(|size| format!("size={}", size.0)));
    options.extend(volume.mode.map(|mode| format!("mode={mode:o}")));
    options.join(",")
}

impl Container {
    /// Returns the name of an init step's or sidecar's container. The underscore
    /// keeps it apart from the names of components.
    pub fn extra_name(main: &str, name: &str) -> String {
        format!("{main}_{name}")
    }

    /// Returns the additional hosts as names with addresses, in the syntax of Docker
    /// and compose.
    pub fn extra_hosts(&self) -> Vec<(String, String)> {
        let aliases = self.host_aliases.iter();
        let aliases = aliases.map(|(name, address)| (name.clone(), address.to_string()));
        let on_host = self.on_host.iter();
        let on_host = on_host.map(|name| (name.clone(), "host-gateway".to_owned()));
        aliases.chain(on_host).collect()
    }

    /// Returns the contents of all files, by path.
    pub fn all_files(&self) -> BTreeMap<&str, Cow<'_, [u8]>> {
        let text = self.files.iter();
        let text = text.map(|(path, text)| (path.as_str(), Cow::Borrowed(text.as_bytes())));
        let binary = self.binary_files.iter().map(|(path, encoded)| {
            // kcc encodes them itself.
            let bytes = STANDARD.decode(encoded).unwrap_or_default();
            (path.as_str(), Cow::Owned(bytes))
        });
        text.chain(binary).collect()
    }

    /// Returns the options of the mount at a path.
    pub fn options(&self, path: &str) -> MountOptions {
        self.mount_options.get(path).copied().unwrap_or_default()
    }

    /// Iterates over the container and its init steps.
    pub fn with_init(&self) -> impl Iterator<Item = &Container> {
        std::iter::once(self).chain(self.init.iter().map(|step| &step.container))
    }

    /// Returns the dropped capabilities.
    pub fn dropped_capabilities(&self) -> Vec<String> {
        if self.baseline {
            self.drop_capabilities.clone()
        } else {
            vec!["ALL".to_owned()]
        }
    }

    /// Returns the configuration of a running container: the fields without those that
    /// only an apply needs to know.
    #[must_use]
    pub fn configuration(&self) -> Self {
        let step = |step: &InitStep| InitStep {
            name: step.name.clone(),
            container: step.container.configuration(),
        };
        Self {
            has_image_health: false,
            recreate: false,
            init: self.init.iter().map(step).collect(),
            ..self.clone()
        }
    }

    /// Returns the hash that decides whether the container is replaced: the hex
    /// SHA-256 of the configuration as canonical JSON. It does not cover secret values.
    pub fn config_hash(&self) -> String {
        crate::hash::of_json(&self.configuration())
    }
}
