//! What components may do: their identity to the cluster's own API, and the
//! grants that let them do what none may do by itself.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::Path;
use serde::Serialize;

use crate::{Name, covers};

/// Who a component is to the cluster's own API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The name of its service account; the component's own if none.
    pub name: Option<Name>,
    /// What it may do in its namespace, or in the whole cluster, by name.
    pub rules: BTreeMap<Name, Rule>,
}

/// What an identity may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The rights themselves.
    #[serde(flatten)]
    pub rights: Rights,
    /// Whether they hold in the whole cluster.
    pub cluster: bool,
}

/// Every verb on every resource of every group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are those of Kubernetes")]
pub struct Rights {
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub verbs: Vec<String>,
}

impl Rights {
    /// Each single right: a group, a resource and a verb.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.groups.iter().flat_map(move |group| {
            self.resources.iter().flat_map(move |resource| {
                let verbs = self.verbs.iter();
                verbs.map(move |verb| (group.as_str(), resource.as_str(), verb.as_str()))
            })
        })
    }

    /// Whether they hold a single right; `*` holds all.
    pub fn hold(&self, (group, resource, verb): (&str, &str, &str)) -> bool {
        let has = |all: &[String], one: &str| all.iter().any(|name| name == "*" || name == one);
        has(&self.groups, group) && has(&self.resources, resource) && has(&self.verbs, verb)
    }
}

/// What components may do that none may do by itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Its path in the model.
    #[serde(skip)]
    pub path: Path,
    /// Patterns of the components' paths.
    pub to: Vec<String>,
    /// Why they may.
    pub reason: String,
    /// Folders of the machine that may be mounted, each with all below it.
    pub host_paths: BTreeSet<String>,
    /// May do whatever the machine's root may.
    pub privileged: bool,
    /// Capabilities that may be added.
    pub capabilities: BTreeSet<String>,
    /// May mount the socket of the engine.
    pub socket: bool,
    /// Rights in the whole cluster, by name.
    pub cluster_rules: BTreeMap<Name, Rights>,
}

impl Grant {
    /// Whether it is for the component of that path.
    pub fn is_for(&self, component: &Path) -> bool {
        self.to.iter().any(|pattern| covers(pattern, &component.0))
    }

    /// Whether it allows one thing.
    pub fn allows(&self, what: &Privilege) -> bool {
        match what {
            Privilege::Privileged => self.privileged,
            Privilege::Socket => self.socket,
            Privilege::Capability(name) => {
                self.capabilities.contains("ALL") || self.capabilities.contains(name)
            }
            Privilege::HostPath(path) => self.host_paths.iter().any(|above| is_below(path, above)),
            Privilege::ClusterRight {
                group,
                resource,
                verb,
            } => {
                let mut rules = self.cluster_rules.values();
                rules.any(|rights| rights.hold((group, resource, verb)))
            }
        }
    }
}

/// One thing that nothing may do without a grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// Do whatever the machine's root may.
    Privileged,
    /// Talk to the engine that runs it.
    Socket,
    /// Have a capability.
    Capability(String),
    /// See a folder of the machine.
    HostPath(String),
    /// Do something in the whole cluster.
    #[allow(missing_docs, reason = "the names are those of Kubernetes")]
    ClusterRight {
        group: String,
        resource: String,
        verb: String,
    },
}

/// Whether a path is another one or lies below it.
pub(crate) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_granted_with_all_below_it_and_nothing_beside() {
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
    fn a_star_holds_every_right() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let rights = Rights {
            groups: list(&["", "apps"]),
            resources: list(&["*"]),
            verbs: list(&["get", "list"]),
        };
        assert!(rights.hold(("apps", "deployments", "get")));
        assert!(!rights.hold(("apps", "deployments", "delete")));
        assert!(!rights.hold(("batch", "jobs", "get")));
        assert_eq!(rights.each().count(), 4);
    }
}
