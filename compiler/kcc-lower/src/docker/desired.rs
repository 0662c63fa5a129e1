//! What a Docker engine should hold. Structs of kcc's own: the hash of a
//! [`Container`] decides whether it is replaced, so nothing is in it that a
//! container does not notice.

use std::collections::BTreeMap;

use kcc_model::{Build, EnvValue, Ephemeral, Name, SecretProvider};
use serde::Serialize;

/// The label that holds the command which runs in a container before it is
/// stopped, as a JSON list: whoever stops it may no longer know why it was made.
pub const PRE_STOP: &str = "dev.kcc.pre-stop";

/// The objects of one target on a Docker engine. Names are complete: they
/// carry the system, the target and the instance.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DockerDesired {
    /// Networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// Images by reference.
    pub images: BTreeMap<String, Image>,
    /// Containers by name.
    pub containers: BTreeMap<String, Container>,
    /// Secrets that containers refer to, by their name in the model.
    pub secrets: BTreeMap<Name, SecretProvider>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// The component that answers there; none for what answers nobody.
    pub component: Option<Name>,
    /// Labels, those of kcc among them.
    pub labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The component that it belongs to.
    pub component: Name,
    /// Labels, those of kcc among them.
    pub labels: BTreeMap<String, String>,
}

/// An image: present under its reference before a container uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The component that uses it first, by name.
    pub component: Name,
    /// How it is built; none means that it is pulled where it is absent.
    pub build: Option<Build>,
}

/// One container: one replica of a component.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the engine's own, and any may be on with any other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The component.
    pub component: Name,
    /// Image reference.
    pub image: String,
    /// Entrypoint; that of the image if none.
    pub command: Option<Vec<String>>,
    /// Arguments; those of the image if none.
    pub args: Option<Vec<String>>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// User; that of the image if none.
    pub user: Option<String>,
    /// Environment; secrets are filled in when the container is made.
    pub env: BTreeMap<String, EnvValue>,
    /// Files written into the container before it starts, by path.
    pub files: BTreeMap<String, String>,
    /// Modes and owners of files and secrets, by path, where somebody says them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub access: BTreeMap<String, FileAccess>,
    /// Mounts by path.
    pub mounts: BTreeMap<String, Mount>,
    /// Published ports.
    pub ports: Vec<Publish>,
    /// Networks by name, with the names that it answers to there.
    pub networks: BTreeMap<String, Vec<String>>,
    /// Health.
    pub health: Option<HealthCheck>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    /// Processor limit in thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// Relative weight for processor time (1024 is one core requested).
    pub cpu_shares: Option<u64>,
    /// Restart policy.
    pub restart: Restart,
    /// Made and not started: it runs whenever somebody starts it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
    /// Seconds between the request to stop and the kill.
    pub stop_timeout: u64,
    /// Root file system cannot be written.
    pub read_only: bool,
    /// May do whatever the machine's root may. Left out of the hash where it
    /// is not so, as in containers that were made before it could be said.
    #[serde(skip_serializing_if = "is_false")]
    pub privileged: bool,
    /// May be root, and has the engine's usual capabilities; else it must not be
    /// root and has none but those added. Left out of the hash where it is not so.
    #[serde(skip_serializing_if = "is_false")]
    pub baseline: bool,
    /// Capabilities added to those of its profile.
    pub add_capabilities: Vec<String>,
    /// Capabilities taken from the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop_capabilities: Vec<String>,
    /// Containers that have to complete before it starts, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// What the component adds to the engine's own request. Left out of the hash
    /// where it adds nothing, as in containers that were made before it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<super::Patch>,
    /// What runs to completion, one after the other, each time that it is made
    /// and before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init: Vec<InitStep>,
    /// The container that it is a sidecar of: it joins its network and is made
    /// anew with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar_of: Option<String>,
    /// Labels of the fragment's own and those of kcc, but for the config hash.
    pub labels: BTreeMap<String, String>,
    /// The old one ends before the new one starts. Not in the hash: a container
    /// that runs does not notice.
    #[serde(skip)]
    pub recreate: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A container that runs to completion before another one starts, and is gone then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitStep {
    /// Its name in the model.
    pub name: Name,
    /// What runs.
    pub container: Container,
}

/// Who may do what with a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAccess {
    /// Its mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Its user and group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
}

/// What is mounted at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mount {
    /// A volume of the target, by its complete name.
    Volume(String),
    /// Memory, gone with the container.
    Tmpfs(Ephemeral),
    /// A folder that goes with the main container, and that its init steps and
    /// sidecars share: the volume's name in the model.
    Shared(Name),
    /// The value of a secret as a file, by its name in the model.
    Secret(Name),
    /// A folder or file of the machine.
    Host(String),
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// Number inside the container.
    pub container: u16,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Number on the host; the engine chooses a free one if none, and the
    /// planner keeps it over replacements.
    pub host: Option<u16>,
}

/// How health is found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// What is asked. The engine itself can only run commands: other checks
    /// are made by kcc while it waits.
    pub check: kcc_model::Check,
    /// Time before failures count, in milliseconds.
    pub start_period_ms: u64,
    /// Time between two checks, in milliseconds.
    pub interval_ms: u64,
    /// Time that an answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// Failures in a row that count.
    pub retries: u32,
}

/// What happens when the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Restart {
    /// Started again unless it was stopped.
    UnlessStopped,
    /// Not started again.
    No,
    /// Started again that many times after a failure.
    OnFailure(u32),
}

/// The options of a volume in memory, as engine and compose take them. Programs in
/// it may be run, as in any other volume: the engine's own default forbids that.
pub fn tmpfs_options(volume: &Ephemeral) -> String {
    let mut options = vec![if volume.exec { "exec" } else { "noexec" }.to_owned()];
    options.extend(volume.size.map(|size| format!("size={}", size.0)));
    options.extend(volume.mode.map(|mode| format!("mode={mode:o}")));
    options.join(",")
}

impl Container {
    /// The name of the container beside one of that name, which no component has.
    pub fn beside(main: &str, name: &str) -> String {
        format!("{main}_{name}")
    }

    /// Itself and its init steps.
    pub fn with_init(&self) -> impl Iterator<Item = &Container> {
        std::iter::once(self).chain(self.init.iter().map(|step| &step.container))
    }

    /// The capabilities that it drops.
    pub fn dropped(&self) -> Vec<String> {
        if self.baseline {
            self.drop_capabilities.clone()
        } else {
            vec!["ALL".to_owned()]
        }
    }

    /// The hash that decides whether a container is replaced: hex SHA-256 of
    /// the struct as canonical JSON. Secret values are not in it.
    pub fn config_hash(&self) -> String {
        crate::hash(self)
    }
}
