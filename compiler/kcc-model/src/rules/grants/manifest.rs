//! What an object of Kubernetes asks for, wherever in it that stands: the
//! templates of pods lie at different depths, and inside custom resources.

use std::collections::{BTreeMap, BTreeSet};

use kcc_tree::Path;
use serde_json::{Map, Value};

use super::asked::{Asked, of_path};
use crate::Privilege;

/// What containers may do where nothing is said, on the usual engines.
const USUAL_CAPABILITIES: [&str; 14] = [
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

/// Fields that hold containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Flags that open the machine, and what the pod does with each.
const OPENING: [(&str, &str); 5] = [
    ("hostNetwork", "shares the machine's network"),
    ("hostPID", "sees the machine's processes"),
    ("hostIPC", "shares the machine's memory"),
    ("hostProcess", "runs as a process of the machine"),
    ("privileged", "may do whatever the machine's root may"),
];

/// Fields whose value lifts what holds a container, with that value.
const LIFTING: [(&str, &str); 3] = [
    ("procMount", "Unmasked"),
    ("seccompProfile", "Unconfined"),
    ("appArmorProfile", "Unconfined"),
];

/// Kinds through which the whole cluster's API is led.
const OVER_ALL: [&str; 3] = [
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// An object, or a part that is merged into one.
pub(super) struct Within<'a> {
    pub(super) path: Path,
    pub(super) kind: String,
    /// Containers that have their limits already, unless the part lifts them.
    pub(super) known: &'a BTreeSet<&'a str>,
    /// The rights in the whole cluster of each service account.
    pub(super) accounts: &'a BTreeMap<&'a str, Vec<Privilege>>,
    /// Cluster roles whose rights are asked for where they are written.
    pub(super) roles: &'a BTreeSet<&'a str>,
}

/// The kind that a field of a patch is for: `statefulSet` → `StatefulSet`.
pub(super) fn kind_of_field(field: &str) -> String {
    let (first, rest) = field.split_at(field.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}", first.to_uppercase())
}

impl Within<'_> {
    pub(super) fn asked(&self, manifest: &Value) -> Vec<Asked> {
        let mut found = Vec::new();
        self.rights(manifest, &mut found);
        self.walk(&self.path, manifest, &mut found);
        found
    }

    /// Rights in the whole cluster.
    fn rights(&self, manifest: &Value, found: &mut Vec<Asked>) {
        let all = || vec![right("*", "*", "*")];
        match self.kind.as_str() {
            "ClusterRole" => {
                let rules = manifest["rules"].as_array();
                for (at, rule) in rules.into_iter().flatten().enumerate() {
                    let path = self.path.join("rules").join(at.to_string());
                    found.push(Asked::of(path, rights(rule)));
                }
                if manifest.get("aggregationRule").is_some() {
                    found.push(Asked::of(self.path.join("aggregationRule"), all()));
                }
            }
            "ClusterRoleBinding" => {
                let role = &manifest["roleRef"]["name"];
                if role.as_str().is_some_and(|name| !self.roles.contains(name)) {
                    found.push(Asked::of(self.path.join("roleRef"), all()));
                }
            }
            kind if OVER_ALL.contains(&kind) => found.push(Asked::of(self.path.clone(), all())),
            "PersistentVolume" => {
                if let Some(path) = manifest["spec"]["local"]["path"].as_str() {
                    let at = self.path.join("spec").join("local").join("path");
                    found.push(Asked::of(at, of_path(path)));
                }
            }
            _ => {}
        }
    }

    fn walk(&self, path: &Path, value: &Value, found: &mut Vec<Asked>) {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.walk(&path.join(at.to_string()), item, found);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let at = path.join(name);
                    self.field(name, &at, value, found);
                    self.walk(&at, value, found);
                }
            }
            _ => {}
        }
    }

    fn field(&self, name: &str, at: &Path, value: &Value, found: &mut Vec<Asked>) {
        if let Some((_, does)) = OPENING.iter().find(|(flag, _)| *flag == name)
            && value == &Value::Bool(true)
        {
            found.push(doing(at.clone(), vec![Privilege::Privileged], does));
        }
        if let Some((_, lifted)) = LIFTING.iter().find(|(field, _)| *field == name)
            && (value == lifted || value["type"] == *lifted)
        {
            let does = "lifts what holds a container inside";
            found.push(doing(at.clone(), vec![Privilege::Privileged], does));
        }
        match (name, value) {
            ("hostPath", Value::Object(_)) => {
                if let Some(path) = value["path"].as_str() {
                    found.push(Asked::of(at.join("path"), of_path(path)));
                }
            }
            ("capabilities", Value::Object(_)) => {
                let added: Vec<_> = texts(&value["add"])
                    .map(|name| Privilege::Capability(plain(name)))
                    .collect();
                if !added.is_empty() {
                    found.push(Asked::of(at.join("add"), added));
                }
            }
            ("serviceAccountName" | "serviceAccount", Value::String(account)) => {
                let rights = self.accounts.get(account.as_str());
                if let Some(rights) = rights.filter(|rights| !rights.is_empty()) {
                    found.push(Asked::of(at.clone(), rights.clone()));
                }
            }
            (name, Value::Array(items)) if CONTAINERS.contains(&name) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Object(container) = item {
                        let at = at.join(index.to_string());
                        found.extend(self.container(&at, container));
                    }
                }
            }
            _ => {}
        }
    }

    /// A container that keeps the capabilities which kcc takes from each.
    fn container(&self, at: &Path, container: &Map<String, Value>) -> Option<Asked> {
        let known = container
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| self.known.contains(name));
        let mut fields = container;
        let mut path = at.clone();
        for field in ["securityContext", "capabilities", "drop"] {
            let below = path.join(field);
            match fields.get(field) {
                // What is not said stays as kcc has it.
                None if known => return None,
                None => return Some(keeping(path)),
                Some(Value::Object(inner)) => fields = inner,
                Some(list) if texts(list).any(|name| name.eq_ignore_ascii_case("ALL")) => {
                    return None;
                }
                Some(_) => return Some(keeping(below)),
            }
            path = below;
        }
        None
    }
}

fn doing(path: Path, what: Vec<Privilege>, does: &'static str) -> Asked {
    Asked {
        does: Some(does),
        ..Asked::of(path, what)
    }
}

fn keeping(path: Path) -> Asked {
    let usual = USUAL_CAPABILITIES.iter();
    let what = usual.map(|name| Privilege::Capability((*name).to_owned()));
    Asked {
        does: Some("has a container that keeps the usual capabilities"),
        without: Some(
            "write `securityContext: capabilities: drop: [\"ALL\"]` in it, and under `add` those \
             that it needs",
        ),
        ..Asked::of(path, what.collect())
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str)
}

/// A capability as the kernel has it without `CAP_`.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

fn right(group: &str, resource: &str, verb: &str) -> Privilege {
    Privilege::ClusterRight {
        group: group.to_owned(),
        resource: resource.to_owned(),
        verb: verb.to_owned(),
    }
}

/// Each right of a rule; addresses that are no resources stand in for these.
fn rights(rule: &Value) -> Vec<Privilege> {
    let mut all = Vec::new();
    for verb in texts(&rule["verbs"]) {
        for group in texts(&rule["apiGroups"]) {
            all.extend(texts(&rule["resources"]).map(|resource| right(group, resource, verb)));
        }
        all.extend(texts(&rule["nonResourceURLs"]).map(|address| right("", address, verb)));
    }
    all
}
