//! Decodes `identity` and `grants`.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_tree::Value;

use super::{Cursor, capabilities, names, volumes};
use crate::{AccessRule, Grant, Identity, Name, Permissions};
use kcc_tree::schema::component_fields;

/// Decodes the identity of a component.
pub(crate) fn identity(node: &Cursor<'_>) -> Identity {
    let Some(node) = node.child("identity") else {
        return Identity::default();
    };
    let name = node.child("name").and_then(|field| {
        let name = field.text()?;
        names::validate(&field, "service account", &name);
        Some(name)
    });
    let rules = node.child("rules");
    let rules = rules
        .iter()
        .flat_map(|all| all.fields().collect::<Vec<_>>())
        .map(|(name, node)| {
            names::validate(&node, "rule", name);
            let rule = AccessRule {
                permissions: permissions(&node),
                cluster: flag(&node, "cluster"),
            };
            (name.to_owned(), rule)
        })
        .collect();
    Identity { name, rules }
}

/// Decodes the grants.
pub(crate) fn grants(root: &Cursor<'_>) -> BTreeMap<Name, Grant> {
    let Some(all) = root.child("grants") else {
        return BTreeMap::new();
    };
    all.fields()
        .map(|(name, node)| {
            names::validate(&node, "grant", name);
            (name.to_owned(), grant(&node))
        })
        .collect()
}

fn grant(node: &Cursor<'_>) -> Grant {
    for to in node.child("to").iter().flat_map(Cursor::items) {
        let known = component_fields().iter().chain(&["objects"]).copied();
        names::validate_pattern(&to, known, "a component or an object");
    }
    let allow = node.child("allow");
    let allowed = |field| allow.as_ref().and_then(|allow| allow.child(field));
    let cluster_rules = allowed("clusterRules");
    Grant {
        path: node.path.clone(),
        to: list(node, "to"),
        reason: node
            .child("reason")
            .and_then(|reason| reason.text())
            .unwrap_or_default(),
        host_paths: allowed("hostPath")
            .map(|field| host_paths(&field))
            .unwrap_or_default(),
        privileged: allow
            .as_ref()
            .is_some_and(|allow| flag(allow, "privileged")),
        capabilities: allowed("capabilities")
            .map(|list| capabilities::decode_list(&list))
            .unwrap_or_default(),
        host_network: allow
            .as_ref()
            .is_some_and(|allow| flag(allow, "hostNetwork")),
        socket: allow.as_ref().is_some_and(|allow| flag(allow, "socket")),
        cluster_rules: cluster_rules
            .iter()
            .flat_map(|all| all.fields().collect::<Vec<_>>())
            .map(|(name, node)| (name.to_owned(), permissions(&node)))
            .collect(),
    }
}

/// Decodes one directory or a list of them.
fn host_paths(node: &Cursor<'_>) -> BTreeSet<String> {
    let items = match &node.node.value {
        Value::List(_) => node.items().collect(),
        _ => vec![node.clone()],
    };
    items
        .iter()
        .filter_map(|item| volumes::absolute_path(item, &item.text()?, "on the host"))
        .collect()
}

fn permissions(node: &Cursor<'_>) -> Permissions {
    for field in ["groups", "resources", "verbs"] {
        if node.child(field).is_none() {
            let help = "write `{groups: [\"\"], resources: [\"pods\"], verbs: [\"get\"]}`";
            node.report_missing(&format!("`{field}`"), help);
        } else if list(node, field).is_empty() {
            let message = format!("`{}.{field}` is empty, so this allows nothing", node.path);
            let error = node.error(Code::EvalMissingField, message, "allows nothing");
            node.report(error.help(format!("add an entry to `{field}`, or remove the rule")));
        }
    }
    Permissions {
        groups: list(node, "groups"),
        resources: list(node, "resources"),
        verbs: list(node, "verbs"),
    }
}

fn list(node: &Cursor<'_>, field: &str) -> Vec<String> {
    let list = node.child(field).and_then(|list| list.text_list());
    list.unwrap_or_default()
}

fn flag(node: &Cursor<'_>, field: &str) -> bool {
    let flag = node.child(field).and_then(|flag| flag.boolean());
    flag.unwrap_or(false)
}
