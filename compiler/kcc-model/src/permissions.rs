//! Permissions of components: their identity for the Kubernetes API, and the
//! grants that allow what no component may do by default.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::Path;
use serde::{Deserialize, Serialize};

use crate::{Name, covers};

/// The identity that a component has for the Kubernetes API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The name of the service account; the component's name if none.
    pub name: Option<Name>,
    /// Permissions in the namespace or in the whole cluster, by name.
    pub rules: BTreeMap<Name, AccessRule>,
}

/// Permissions of an identity, with their extent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRule {
    /// The permissions themselves.
    #[serde(flatten)]
    pub permissions: Permissions,
    /// Set if they apply to the whole cluster.
    pub cluster: bool,
}

/// Permission for every listed verb on every listed resource of every group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are those of Kubernetes")]
pub struct Permissions {
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub verbs: Vec<String>,
}

impl Permissions {
    /// Iterates over the single permissions: group, resource and verb.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.groups.iter().flat_map(move |group| {
            self.resources.iter().flat_map(move |resource| {
                let verbs = self.verbs.iter();
                verbs.map(move |verb| (group.as_str(), resource.as_str(), verb.as_str()))
            })
        })
    }

    /// Returns true if they include a single permission; `*` includes all.
    pub fn allow(&self, (group, resource, verb): (&str, &str, &str)) -> bool {
        let has = |all: &[String], one: &str| all.iter().any(|name| name == "*" || name == one);
        has(&self.groups, group) && has(&self.resources, resource) && has(&self.verbs, verb)
    }
}

/// Permission for components to do what none may do by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The path in the model.
    pub path: Path,
    /// Path patterns of the components it applies to.
    pub to: Vec<String>,
    /// The reason for the grant.
    pub reason: String,
    /// Host directories that may be mounted, each with everything below it.
    pub host_paths: BTreeSet<String>,
    /// Allows privileged containers.
    pub privileged: bool,
    /// Capabilities that containers may add.
    pub capabilities: BTreeSet<String>,
    /// Allows using the host's network.
    pub host_network: bool,
    /// Allows mounting the engine's socket.
    pub socket: bool,
    /// Cluster-wide permissions, by name.
    pub cluster_rules: BTreeMap<Name, Permissions>,
}

impl Grant {
    /// Returns true if the grant applies to the component at a path.
    pub fn is_for(&self, component: &Path) -> bool {
        self.to.iter().any(|pattern| covers(pattern, &component.0))
    }

    /// Returns true if the grant allows a privilege.
    pub fn allows(&self, what: &Privilege) -> bool {
        match what {
            Privilege::Privileged => self.privileged,
            Privilege::HostNetwork => self.host_network || self.privileged,
            Privilege::Socket => self.socket,
            Privilege::Capability(name) => {
                self.capabilities.contains("ALL") || self.capabilities.contains(name)
            }
            Privilege::HostPath(path) => self.host_paths.iter().any(|above| is_below(path, above)),
            Privilege::ClusterPermission {
                group,
                resource,
                verb,
            } => {
                let mut rules = self.cluster_rules.values();
                rules.any(|permissions| permissions.allow((group, resource, verb)))
            }
        }
    }
}

/// A privilege that requires a grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// Run with the host's root privileges.
    Privileged,
    /// Use the host's network.
    HostNetwork,
    /// Mount the engine's socket.
    Socket,
    /// Add a capability.
    Capability(String),
    /// Mount a host directory.
    HostPath(String),
    /// Use a cluster-wide permission.
    #[allow(missing_docs, reason = "the names are those of Kubernetes")]
    ClusterPermission {
        group: String,
        resource: String,
        verb: String,
    },
}

/// Returns true if `path` is `above` or below it.
pub(crate) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_directory_includes_everything_below_it() {
        for (path, above, granted) in [
            ("/var/log", "/var/log", true),
            ("/var/log/app", "/var/log", true),
            ("/var/log/app", "/var/log/", true),
            ("/var/logs", "/var/log", false),
            ("/var", "/var/log", false),
            ("/etc", "/", true),
        ] {
            assert_eq!(is_below(path, above), granted, "{path} in {above}");
        }
    }

    #[test]
    fn a_star_includes_every_permission() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let permissions = Permissions {
            groups: list(&["", "apps"]),
            resources: list(&["*"]),
            verbs: list(&["get", "list"]),
        };
        assert!(permissions.allow(("apps", "deployments", "get")));
        assert!(!permissions.allow(("apps", "deployments", "delete")));
        assert!(!permissions.allow(("batch", "jobs", "get")));
        assert_eq!(permissions.each().count(), 4);
    }
}
