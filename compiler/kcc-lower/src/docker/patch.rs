//! Patches of containers: fields of Docker's create request that the model does not
//! have, under Docker's names.
//!
//! The structs list the allowed fields: each affects only the component itself and
//! has an equivalent in a `compose.yaml`. Fields that kcc sets itself are rejected,
//! since they would conflict, and so are fields that give access to the host without
//! a grant.

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::Component;
use kcc_tree::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lowering::Lowering;
use crate::validation::{self, Problem};

/// The fields that a component adds to the create request of its container.
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

/// The fields that a component adds to the host configuration.
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

/// A resource limit of processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

/// The logging driver of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the engine's API describes them")]
pub struct LogConfig {
    #[serde(rename = "Type")]
    pub driver: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

/// A request for devices of a driver, such as GPUs.
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

/// Fields of the create request that kcc sets, with the corresponding model field.
const MANAGED_FIELDS: [(&str, &str); 31] = [
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

/// The allowed IPC modes.
const IPC_MODES: [&str; 3] = ["none", "private", "shareable"];

/// Fields that would give a container access to the host.
const HOST_ACCESS_FIELDS: [&str; 8] = [
    "HostConfig.Privileged",
    "HostConfig.Devices",
    "HostConfig.DeviceCgroupRules",
    "HostConfig.PidMode",
    "HostConfig.UTSMode",
    "HostConfig.UsernsMode",
    "HostConfig.CgroupnsMode",
    "HostConfig.CgroupParent",
];

/// Decodes the patch of a component and reports its mistakes.
pub(super) fn decode(lowering: &mut Lowering<'_>, component: &Component) -> Option<Patch> {
    let declared = lowering.target.docker_patches.get(&component.name)?;
    let mut valid = true;
    for violation in validation::validate::<Patch>(declared) {
        valid = false;
        let path = lowering.declared_path(component, "docker", &violation.path);
        let above = path.0.len() - violation.path.len();
        let field = violation.path.join(".");
        let managed = MANAGED_FIELDS.iter().find(|(name, _)| *name == field);
        let unknown = matches!(violation.problem, Problem::UnknownField(_));
        match managed {
            Some((_, replacement)) if unknown => lowering.error(
                Code::LowerManagedField,
                &path,
                format!("`{path}` is set by kcc"),
                "set by kcc",
                format!("use {replacement} instead"),
            ),
            _ if unknown && field.ends_with("NetworkMode") => lowering.error(
                Code::LowerManagedField,
                &path,
                format!("`{path}`: network modes are not supported"),
                "components have their own networks",
                "remove it, and write `needs` for outgoing and `ports: NAME: {number: N, expose: true}` for incoming connections",
            ),
            _ if unknown && HOST_ACCESS_FIELDS.contains(&field.as_str()) => lowering.error(
                Code::LowerManagedField,
                &path,
                format!("`{path}` would give access to the host without a grant"),
                "requires a grant",
                "write `security: privileged: true`, and ask for a grant of `privileged`",
            ),
            _ => {
                let above = Path(path.0[..above].to_vec());
                validation::report(lowering, &above, "a patch of a container", violation);
            }
        }
    }
    let decoded: Patch = valid
        .then(|| serde_json::from_value(declared.clone()).ok())
        .flatten()?;
    check_extra_hosts(lowering, component, &decoded);
    check_host_config(lowering, component, &decoded);
    (decoded != Patch::default()).then_some(decoded)
}

/// Reports extra hosts that would redirect the name of a component.
fn check_extra_hosts(lowering: &mut Lowering<'_>, component: &Component, decoded: &Patch) {
    let hosts = decoded
        .host_config
        .iter()
        .flat_map(|host| &host.extra_hosts);
    for (at, line) in hosts.flatten().enumerate() {
        let name = line.split(['=', ':']).next().unwrap_or(line);
        if !lowering.target.components.contains_key(name) {
            continue;
        }
        let path = host_config_path(lowering, component, &["ExtraHosts", &at.to_string()]);
        lowering.error(
            Code::LowerManagedField,
            &path,
            format!("`{path}` redirects the name of component `{name}`"),
            "the name of a component",
            "remove it: the name resolves to the component on the target's network",
        );
    }
}

/// Validates what the types cannot express.
fn check_host_config(lowering: &mut Lowering<'_>, component: &Component, decoded: &Patch) {
    let Some(host) = &decoded.host_config else {
        return;
    };
    if let Some(mode) = &host.ipc_mode
        && !IPC_MODES.contains(&mode.as_str())
    {
        let path = host_config_path(lowering, component, &["IpcMode"]);
        lowering.error(
            Code::LowerManagedField,
            &path,
            format!("`{path}`: `{mode}` would share the IPC namespace with others"),
            "not an isolated mode",
            "write `\"private\"`, `\"shareable\"` or `\"none\"`",
        );
    }
    let requests = host.device_requests.iter().flatten().enumerate();
    for (at, _) in requests.filter(|(_, request)| request.capabilities.len() != 1) {
        let path = host_config_path(
            lowering,
            component,
            &["DeviceRequests", &at.to_string(), "Capabilities"],
        );
        lowering.error(
            Code::LowerBadObject,
            &path,
            format!("`{path}`: expected exactly one list of capabilities"),
            "expected one list",
            "write one request per list, such as `Capabilities: [[\"gpu\"]]`",
        );
    }
}

fn host_config_path(lowering: &Lowering<'_>, component: &Component, below: &[&str]) -> Path {
    let below: Vec<_> = ["HostConfig"]
        .iter()
        .chain(below)
        .map(|name| (*name).to_owned())
        .collect();
    lowering.declared_path(component, "docker", &below)
}

/// Returns the fields that a patch sets, as paths below the component.
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
