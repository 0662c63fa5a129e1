//! Finds uses of privileges in a Kubernetes object at any depth, since pod templates
//! occur at different depths and inside custom resources.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::Path;
use serde_json::{Map, Value};

use super::privilege_use::{PrivilegeUse, host_path_privileges};
use crate::Privilege;

/// The default capabilities of containers on the common engines.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Fields that contain lists of containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Flags that give access to the host, with a description for the message.
const HOST_FLAGS: [(&str, &str); 5] = [
    ("hostNetwork", "uses the host network"),
    ("hostPID", "uses the host PID namespace"),
    ("hostIPC", "uses the host IPC namespace"),
    ("hostProcess", "runs as a host process"),
    ("privileged", "runs privileged"),
];

/// Fields that disable a confinement of the container, with the value that action.
const UNCONFINED: [(&str, &str); 3] = [
    ("procMount", "Unmasked"),
    ("seccompProfile", "Unconfined"),
    ("appArmorProfile", "Unconfined"),
];

/// Kinds that intercept or extend the API of the whole cluster.
const API_EXTENSIONS: [&str; 3] = [
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// An object, or a patch of one, to search.
pub(super) struct ManifestScan<'a> {
    pub(super) path: Path,
    pub(super) kind: String,
    /// Containers that kcc confines already, unless the patch changes that.
    pub(super) known: &'a BTreeSet<&'a str>,
    /// The cluster-wide permissions of each service account.
    pub(super) accounts: &'a BTreeMap<&'a str, Vec<Privilege>>,
    /// Declared cluster roles, whose permissions count where they are declared.
    pub(super) roles: &'a BTreeSet<&'a str>,
}

/// Returns the kind that a patch field stands for: `statefulSet` → `StatefulSet`.
pub(super) fn kind_of_field(field: &str) -> String {
    let (first, rest) = field.split_at(field.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}", first.to_uppercase())
}

impl ManifestScan<'_> {
    pub(super) fn find_uses(&self, manifest: &Value) -> Vec<PrivilegeUse> {
        let mut found = Vec::new();
        self.find_cluster_permissions(manifest, &mut found);
        self.walk(&self.path, manifest, &mut found);
        found
    }

    /// Finds cluster-wide permissions.
    fn find_cluster_permissions(&self, manifest: &Value, found: &mut Vec<PrivilegeUse>) {
        let all = || vec![cluster_permission("*", "*", "*")];
        match self.kind.as_str() {
            "ClusterRole" => {
                let rules = manifest["rules"].as_array();
                for (at, rule) in rules.into_iter().flatten().enumerate() {
                    let path = self.path.join("rules").join(at.to_string());
                    found.push(PrivilegeUse::of(path, rule_permissions(rule)));
                }
                if manifest.get("aggregationRule").is_some() {
                    found.push(PrivilegeUse::of(self.path.join("aggregationRule"), all()));
                }
            }
            "ClusterRoleBinding" => {
                let role = &manifest["roleRef"]["name"];
                if role.as_str().is_some_and(|name| !self.roles.contains(name)) {
                    found.push(PrivilegeUse::of(self.path.join("roleRef"), all()));
                }
            }
            kind if API_EXTENSIONS.contains(&kind) => {
                found.push(PrivilegeUse::of(self.path.clone(), all()));
            }
            "PersistentVolume" => {
                if let Some(path) = manifest["spec"]["local"]["path"].as_str() {
                    let at = self.path.join("spec").join("local").join("path");
                    found.push(PrivilegeUse::of(at, host_path_privileges(path)));
                }
            }
            _ => {}
        }
    }

    fn walk(&self, path: &Path, value: &Value, found: &mut Vec<PrivilegeUse>) {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.walk(&path.join(at.to_string()), item, found);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let at = path.join(name);
                    self.check_field(name, &at, value, found);
                    self.walk(&at, value, found);
                }
            }
            _ => {}
        }
    }

    fn check_field(&self, name: &str, at: &Path, value: &Value, found: &mut Vec<PrivilegeUse>) {
        if let Some((_, action)) = HOST_FLAGS.iter().find(|(flag, _)| *flag == name)
            && value == &Value::Bool(true)
        {
            found.push(described_use(
                at.clone(),
                vec![Privilege::Privileged],
                action,
            ));
        }
        if let Some((_, unconfined)) = UNCONFINED.iter().find(|(field, _)| *field == name)
            && (value == unconfined || value["type"] == *unconfined)
        {
            let action = "disables a confinement of the container";
            found.push(described_use(
                at.clone(),
                vec![Privilege::Privileged],
                action,
            ));
        }
        match (name, value) {
            ("hostPath", Value::Object(_)) => {
                if let Some(path) = value["path"].as_str() {
                    found.push(PrivilegeUse::of(
                        at.join("path"),
                        host_path_privileges(path),
                    ));
                }
            }
            ("capabilities", Value::Object(_)) => {
                let added: Vec<_> = texts(&value["add"])
                    .map(|name| Privilege::Capability(capability_name(name)))
                    .collect();
                if !added.is_empty() {
                    found.push(PrivilegeUse::of(at.join("add"), added));
                }
            }
            ("serviceAccountName" | "serviceAccount", Value::String(account)) => {
                let permissions = self.accounts.get(account.as_str());
                if let Some(permissions) = permissions.filter(|permissions| !permissions.is_empty())
                {
                    found.push(PrivilegeUse::of(at.clone(), permissions.clone()));
                }
            }
            (name, Value::Array(items)) if CONTAINERS.contains(&name) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Object(container) = item {
                        let at = at.join(index.to_string());
                        found.extend(self.check_container(&at, container));
                    }
                }
            }
            _ => {}
        }
    }

    /// Finds a container that keeps the default capabilities, which kcc drops.
    fn check_container(&self, at: &Path, container: &Map<String, Value>) -> Option<PrivilegeUse> {
        let known = container
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| self.known.contains(name));
        let mut fields = container;
        let mut path = at.clone();
        for field in ["securityContext", "capabilities", "drop"] {
            let below = path.join(field);
            match fields.get(field) {
                // A field that the patch does not set stays as kcc sets it.
                None if known => return None,
                None => return Some(default_capabilities_use(path)),
                Some(Value::Object(inner)) => fields = inner,
                Some(list) if texts(list).any(|name| name.eq_ignore_ascii_case("ALL")) => {
                    return None;
                }
                Some(_) => return Some(default_capabilities_use(below)),
            }
            path = below;
        }
        None
    }
}

fn described_use(path: Path, what: Vec<Privilege>, action: &'static str) -> PrivilegeUse {
    PrivilegeUse {
        action: Some(action),
        ..PrivilegeUse::of(path, what)
    }
}

fn default_capabilities_use(path: Path) -> PrivilegeUse {
    let defaults = DEFAULT_CAPABILITIES.iter();
    let what = defaults.map(|name| Privilege::Capability((*name).to_owned()));
    PrivilegeUse {
        action: Some("has a container that keeps the default capabilities"),
        alternative: Some(
            "write `securityContext: capabilities: drop: [\"ALL\"]` in it, and list the needed \
             ones under `add`",
        ),
        ..PrivilegeUse::of(path, what.collect())
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str)
}

/// Normalises a capability to the kernel's name without `CAP_`.
fn capability_name(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

fn cluster_permission(group: &str, resource: &str, verb: &str) -> Privilege {
    Privilege::ClusterPermission {
        group: group.to_owned(),
        resource: resource.to_owned(),
        verb: verb.to_owned(),
    }
}

/// Returns the single permissions of a rule; a non-resource URL takes the place of a
/// resource.
fn rule_permissions(rule: &Value) -> Vec<Privilege> {
    let mut all = Vec::new();
    for verb in texts(&rule["verbs"]) {
        for group in texts(&rule["apiGroups"]) {
            all.extend(
                texts(&rule["resources"]).map(|resource| cluster_permission(group, resource, verb)),
            );
        }
        all.extend(
            texts(&rule["nonResourceURLs"]).map(|address| cluster_permission("", address, verb)),
        );
    }
    all
}
