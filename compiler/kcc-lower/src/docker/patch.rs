//! Patches of containers: the fields of the engine's own request that kcc has
//! no word for, with the engine's names.
//!
//! The structs here are the list of them: each means something to the component
//! alone, and has a word in a `compose.yaml`. Whatever kcc writes itself is
//! refused, because two could not both hold, and so is what would open the
//! machine past the grants.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::Component;
use kcc_tree::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lowering::Lowering;
use crate::read::{self, Wrong};

/// What a component adds to the request that makes its container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct Patch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_stdin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_config: Option<HostPatch>,
}

/// What a component adds to how its container is held to the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct HostPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blkio_weight: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset_cpus: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_requests: Option<Vec<DeviceRequest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_options: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_search: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_hosts: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_add: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_config: Option<LogConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_opt: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ulimits: Option<Vec<Ulimit>>,
}

/// A limit of what processes may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

/// Where what a container writes goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct LogConfig {
    #[serde(rename = "Type")]
    pub driver: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

/// Devices that a driver of the engine gives, such as graphics processors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct DeviceRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    #[serde(rename = "DeviceIDs", skip_serializing_if = "Option::is_none")]
    pub device_ids: Option<Vec<String>>,
    pub capabilities: Vec<Vec<String>>,
}

/// Fields of the request that kcc writes, each with the word for it.
const OWN: [(&str, &str); 31] = [
    ("Image", "`image` or `build`"),
    ("Entrypoint", "`command`"),
    ("Cmd", "`args`"),
    ("WorkingDir", "`workingDir`"),
    ("User", "`user`"),
    ("Env", "`env`"),
    ("Labels", "`labels`"),
    ("Healthcheck", "`health`"),
    ("StopTimeout", "`rollout.gracePeriod`"),
    ("ExposedPorts", "`ports`"),
    ("Volumes", "`volumes`"),
    ("NetworkingConfig", "`needs`"),
    ("NetworkDisabled", "`needs`"),
    ("HostConfig.Links", "`needs`"),
    ("HostConfig.PortBindings", "`ports`, with `expose`"),
    ("HostConfig.PublishAllPorts", "`ports`, with `expose`"),
    ("HostConfig.Binds", "`volumes`"),
    ("HostConfig.Mounts", "`volumes`"),
    ("HostConfig.Tmpfs", "`volumes`, with `ephemeral`"),
    ("HostConfig.VolumesFrom", "`volumes`"),
    ("HostConfig.Memory", "`resources.limits.memory`"),
    ("HostConfig.MemorySwap", "`resources.limits.memory`"),
    ("HostConfig.NanoCpus", "`resources.limits.cpu`"),
    ("HostConfig.CpuQuota", "`resources.limits.cpu`"),
    ("HostConfig.CpuPeriod", "`resources.limits.cpu`"),
    ("HostConfig.CpuShares", "`resources.requests.cpu`"),
    ("HostConfig.RestartPolicy", "`retries` of a job"),
    ("HostConfig.ReadonlyRootfs", "`security.readOnlyRoot`"),
    ("HostConfig.CapAdd", "`security.capabilities`"),
    ("HostConfig.CapDrop", "`security.capabilities`"),
    ("HostConfig.SecurityOpt", "`security`"),
];

/// With whom a container may share memory.
const IPC_MODES: [&str; 3] = ["none", "private", "shareable"];

/// Fields that would open the machine to a container.
const OPENING: [&str; 8] = [
    "HostConfig.Privileged",
    "HostConfig.Devices",
    "HostConfig.DeviceCgroupRules",
    "HostConfig.PidMode",
    "HostConfig.UTSMode",
    "HostConfig.UsernsMode",
    "HostConfig.CgroupnsMode",
    "HostConfig.CgroupParent",
];

/// The patch of a component; what is wrong with it is reported.
pub(super) fn of(lowering: &mut Lowering<'_>, component: &Component) -> Option<Patch> {
    let written = lowering.target.docker_patches.get(&component.name)?;
    let mut wrong = false;
    for fault in read::hold::<Patch>(written) {
        wrong = true;
        let path = lowering.written(component, "docker", &fault.path);
        let above = path.0.len() - fault.path.len();
        let field = fault.path.join(".");
        let own = OWN.iter().find(|(name, _)| *name == field);
        let unknown = matches!(fault.what, Wrong::Unknown(_));
        match own {
            Some((_, word)) if unknown => lowering.error(
                Code::LowerManagedField,
                &path,
                format!("`{path}` is written by kcc itself"),
                "kcc writes it",
                format!("say it with {word}"),
            ),
            _ if unknown && field.ends_with("NetworkMode") => lowering.error(
                Code::LowerManagedField,
                &path,
                format!("`{path}`: the network of the host is not supported"),
                "components have networks of their own",
                "remove it, and write `needs` for what it calls and `ports: NAME: {number: N, expose: true}` for what the host calls",
            ),
            _ if unknown && OPENING.contains(&field.as_str()) => lowering.error(
                Code::LowerManagedField,
                &path,
                format!("`{path}` would open the machine, past the grants"),
                "needs a grant",
                "say `security: privileged: true`, and ask for a grant of `privileged`",
            ),
            _ => {
                let above = Path(path.0[..above].to_vec());
                read::report(lowering, &above, "a patch of a container", fault);
            }
        }
    }
    let said: Patch = (!wrong)
        .then(|| serde_json::from_value(written.clone()).ok())
        .flatten()?;
    hold_hosts(lowering, component, &said);
    hold_host(lowering, component, &said);
    (said != Patch::default()).then_some(said)
}

/// A name of a component that led elsewhere would break what others need.
fn hold_hosts(lowering: &mut Lowering<'_>, component: &Component, said: &Patch) {
    let hosts = said.host_config.iter().flat_map(|host| &host.extra_hosts);
    for (at, line) in hosts.flatten().enumerate() {
        let name = line.split(['=', ':']).next().unwrap_or(line);
        if !lowering.target.components.contains_key(name) {
            continue;
        }
        let path = in_host(lowering, component, &["ExtraHosts", &at.to_string()]);
        lowering.error(
            Code::LowerManagedField,
            &path,
            format!("`{path}` leads the name of component `{name}` elsewhere"),
            "a component's name",
            "remove it: a component answers to its name on the target's network",
        );
    }
}

/// What the types alone do not say.
fn hold_host(lowering: &mut Lowering<'_>, component: &Component, said: &Patch) {
    let Some(host) = &said.host_config else {
        return;
    };
    if let Some(mode) = &host.ipc_mode
        && !IPC_MODES.contains(&mode.as_str())
    {
        let path = in_host(lowering, component, &["IpcMode"]);
        lowering.error(
            Code::LowerManagedField,
            &path,
            format!("`{path}`: `{mode}` would share the memory of others"),
            "opens the container",
            "write `\"private\"`, `\"shareable\"` or `\"none\"`",
        );
    }
    let requests = host.device_requests.iter().flatten().enumerate();
    for (at, _) in requests.filter(|(_, request)| request.capabilities.len() != 1) {
        let path = in_host(
            lowering,
            component,
            &["DeviceRequests", &at.to_string(), "Capabilities"],
        );
        lowering.error(
            Code::LowerBadObject,
            &path,
            format!("`{path}` holds other than one list of capabilities"),
            "one list is expected",
            "write one request for each list, such as `Capabilities: [[\"gpu\"]]`",
        );
    }
}

fn in_host(lowering: &Lowering<'_>, component: &Component, below: &[&str]) -> Path {
    let below: Vec<_> = ["HostConfig"]
        .iter()
        .chain(below)
        .map(|name| (*name).to_owned())
        .collect();
    lowering.written(component, "docker", &below)
}

/// The fields that a patch gives, each as a path below the component.
pub(crate) fn fields(patch: &Value) -> Vec<Vec<String>> {
    let Value::Object(fields) = patch else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    for (name, value) in fields {
        let above = vec!["docker".to_owned(), name.clone()];
        match value {
            Value::Object(inner) if name == "HostConfig" => {
                paths.extend(
                    inner
                        .keys()
                        .map(|name| [&above[..], std::slice::from_ref(name)].concat()),
                );
            }
            _ => paths.push(above),
        }
    }
    paths
}
